"""What a training step compares with what."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scapp.clear.config import ClearConfig
from scapp.clear.info_nce import info_nce
from scapp.clear.model import Encoder, KeyQueue
from scapp.clear.parallel.exchange import Together


@dataclass(frozen=True)
class Compared:
    """Outcome of one comparison.

    Parameters
    ----------
    loss
        Scalar, with a gradient.
    accuracy
        Share of queries whose own key is more similar than every negative, scalar.
    n_negatives
        Mean number of negatives of a query, scalar.
    keys, cells
        New keys (without a gradient) and the cells that they are of: for the queue.
    """

    loss: Tensor
    accuracy: Tensor
    n_negatives: Tensor
    keys: Tensor
    cells: Tensor


def unit(embeddings: Tensor) -> Tensor:
    """Scaled to length 1."""
    return nn.functional.normalize(embeddings, dim=1)


def scaled_to(length: str, embeddings: Tensor) -> Tensor:
    """Embeddings of length one, of the root of their own length, or of their own (``embedding_length``)."""
    if length == "own":
        return embeddings
    if length == "one":
        return unit(embeddings)
    return embeddings / embeddings.norm(dim=1, keepdim=True).clamp_min(1e-12).sqrt()


def compare(
    config: ClearConfig,
    query: Encoder,
    key: Encoder,
    queue: KeyQueue,
    first: Tensor,
    second: Tensor,
    cells: Tensor,
    partners: Tensor,
    together: Together,
) -> Compared:
    """Loss of two views of each cell.

    Parameters
    ----------
    config
        ``symmetric``, ``key_encoder``, ``exclude_own_keys``, ``temperature``.
    query, key
        Encoders.
    queue
        Earlier keys.
    first, second
        Views, shape (n_cells, n_genes).
    cells, partners
        Cells that the first and the second views are of: the same, or neighbours that belong together.
    together
        Processes whose cells are compared with each other; the loss is that of this process's queries.
    """
    loss_of = _symmetric if config.symmetric else _one_way
    return loss_of(config, query, key, queue, first, second, cells, partners, together)


def _keys(config: ClearConfig, key: Encoder, views: Tensor) -> Tensor:
    with torch.no_grad():
        return unit(key(views))


def _one_way(
    config: ClearConfig,
    query: Encoder,
    key: Encoder,
    queue: KeyQueue,
    first: Tensor,
    second: Tensor,
    cells: Tensor,
    partners: Tensor,
    together: Together,
) -> Compared:
    """Queries of the first view, keys of the second, the queue as negatives (the authors' code)."""
    queries = unit(query(first))
    keys = _keys(config, key, second)
    excluded = same_cell(cells, partners, queue.cells) if config.exclude_own_keys else None
    loss, accuracy = info_nce(queries, keys, queue.keys.clone(), temperature=config.temperature, excluded=excluded)
    n_negatives = _count(excluded, queue.keys, queries)
    return Compared(loss, accuracy, n_negatives, together.gathered(keys), together.gathered(partners))


def _symmetric(
    config: ClearConfig,
    query: Encoder,
    key: Encoder,
    queue: KeyQueue,
    first: Tensor,
    second: Tensor,
    cells: Tensor,
    partners: Tensor,
    together: Together,
) -> Compared:
    """Both views are queries; the keys of all other cells of the batch and the queue are negatives (eq. 1, 2)."""
    views = torch.cat([first, second])
    queries = unit(query(views))
    keys = queries if config.key_encoder == "query" else _keys(config, key, views)
    n_cells = len(cells)
    own, others = torch.cat([cells, partners]), torch.cat([partners, cells])
    positives = torch.cat([keys[n_cells:], keys[:n_cells]])
    keys = torch.cat([together.gathered(keys[:n_cells]), together.gathered(keys[n_cells:])])
    key_cells = torch.cat([together.gathered(cells), together.gathered(partners)])
    negatives = torch.cat([keys, queue.keys])
    # neither the cell nor the one that it belongs together with is a negative
    in_batch = same_cell(own, others, key_cells)
    in_queue = same_cell(own, others, queue.cells)
    if not config.exclude_own_keys:
        in_queue = torch.zeros_like(in_queue)
    excluded = torch.cat([in_batch, in_queue], dim=1)
    loss, accuracy = info_nce(queries, positives, negatives, temperature=config.temperature, excluded=excluded)
    return Compared(loss, accuracy, _count(excluded, negatives, queries), keys.detach(), key_cells)


def same_cell(cells: Tensor, partners: Tensor, others: Tensor) -> Tensor:
    """Whether others are views of the cell or of its partner, shape (n_cells, n_others)."""
    return (cells[:, None] == others[None, :]) | (partners[:, None] == others[None, :])


def _count(excluded: Tensor | None, negatives: Tensor, queries: Tensor) -> Tensor:
    n_negatives = torch.tensor(float(len(negatives)), device=queries.device)
    return n_negatives if excluded is None else n_negatives - excluded.sum() / len(queries)
