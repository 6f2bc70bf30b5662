"""PyTorch: the only folder that imports torch."""

from steadynorm.torch.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm
from steadynorm.torch.conversion import convert, revert
from steadynorm.torch.domains import domain
from steadynorm.torch.folding.api import fold

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "convert", "domain", "fold", "revert"]
