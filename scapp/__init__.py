"""scapp: contrastive learning on single-cell RNA-seq, by point and click or from Python."""

__version__ = "0.1.0"
