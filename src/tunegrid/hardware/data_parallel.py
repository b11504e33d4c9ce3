"""Lightning's ddp, for ranks that run already and whose gradients the pack module sums. Imports torch and lightning."""

from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy

from tunegrid.hardware.place import here


class Ranks(LightningEnvironment):
    """The processes that `ranks.together` has started."""

    def local_rank(self) -> int:
        """0 for the process that started the others."""
        return here().rank


class DataParallel(DDPStrategy):
    """DDP without its wrapper, whose reducer wants as many backward passes on every rank, and averages."""

    def __init__(self) -> None:
        super().__init__(cluster_environment=Ranks())

    def _configure_launcher(self) -> None:
        """There is nobody to launch."""

    def configure_ddp(self) -> None:
        """Leave the module as it is."""
