"""Classifiers of other people, beside which ours are shown. All learn from training cells alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

N_COMPONENTS = 50
N_NEIGHBORS = 15
N_GENES = 100
"""By each of CaSTLe's two criteria."""
MOST_ALIKE = 0.9
BINS = (0.0, 1.0, 6.0)
"""Between which CaSTLe bins log-values before it asks what they say about the type."""
CANDIDATES = 2_000
"""Genes whose mutual information with the labels is computed: those of the largest mean."""


@dataclass(frozen=True)
class Reference:
    """One reference.

    Parameters
    ----------
    id, source
        In tables, and for people.
    learn
        From training cells (n_train, d) and types to a function that gives probabilities of other cells; types as in
        ``np.unique``.
    reads
        ``genes``: log1p of counts per 10,000, CSR. ``clear``: X_clear, which was learnt without labels from all cells,
        test cells too.
    """

    id: str
    source: str
    learn: Callable[[Any, np.ndarray, int], Callable[[Any], np.ndarray]]
    reads: str = "genes"


def _logistic(train: Any, codes: np.ndarray, seed: int) -> Callable[[Any], np.ndarray]:
    return LogisticRegression(max_iter=1_000).fit(train, codes).predict_proba


def _pca(train: sparse.csr_matrix, seed: int) -> PCA:
    few = 0.5 * min(train.shape) <= N_COMPONENTS
    n_components = max(min(N_COMPONENTS, min(train.shape) - 1), 1)
    pca = PCA(n_components, svd_solver="full" if few else "arpack", random_state=seed)
    return pca.fit(train.toarray() if few else train)


def _in_pcs(
    train: sparse.csr_matrix, seed: int, then: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]]
) -> Callable[[Any], np.ndarray]:
    pca = _pca(train, seed)
    said = then(pca.transform(train))
    return lambda cells: said(pca.transform(cells))


def _svm(train: sparse.csr_matrix, codes: np.ndarray, seed: int) -> Callable[[Any], np.ndarray]:
    def then(coordinates: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        scaler = StandardScaler().fit(coordinates)
        svm = SVC(kernel="rbf", decision_function_shape="ovr").fit(scaler.transform(coordinates), codes)
        # scores rank cells, which is all that the metrics ask of them; two types have one score
        return lambda cells: _ranked(svm.decision_function(scaler.transform(cells)))

    return _in_pcs(train, seed, then)


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Scores of one-against-rest as numbers that sum to 1, in the same order for each cell."""
    if scores.ndim == 1:
        scores = np.column_stack([-scores, scores])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _boosting(train: sparse.csr_matrix, codes: np.ndarray, seed: int) -> Callable[[Any], np.ndarray]:
    genes = castle_genes(train, codes, seed)
    model = HistGradientBoostingClassifier(early_stopping=False, max_iter=50, random_state=seed)
    model.fit(train[:, genes].toarray(), codes)
    return lambda cells: np.asarray(model.predict_proba(cells[:, genes].toarray()))


def castle_genes(train: sparse.csr_matrix, codes: np.ndarray, seed: int) -> np.ndarray:
    """CaSTLe's genes: the 100 of the largest mean and the 100 that say most about the type, without those that say the
    same.

    Parameters
    ----------
    train, codes
        Training cells and their types.
    seed
        Of the mutual information's estimate.

    References
    ----------
    Lieberman, Rokach and Shay 2018 (CaSTLe).
    """
    means = np.asarray(train.mean(axis=0)).ravel()
    by_mean = np.argsort(-means, kind="stable")
    candidates = by_mean[:CANDIDATES]
    binned = np.digitize(train[:, candidates].toarray(), BINS, right=True)
    told = mutual_info_classif(binned, codes, discrete_features=True, random_state=seed)
    informative = candidates[np.argsort(-told, kind="stable")[:N_GENES]]
    chosen = np.unique(np.concatenate([by_mean[:N_GENES], informative]))
    values = train[:, chosen].toarray()
    alike = np.abs(np.nan_to_num(np.corrcoef(values.T + 0.0))) if len(chosen) > 1 else np.zeros((1, 1))
    kept: list[int] = []
    for place in range(len(chosen)):
        if not kept or alike[place, kept].max() <= MOST_ALIKE:
            kept.append(place)
    return np.asarray(chosen[kept])


def _neighbours(train: Any, codes: np.ndarray, seed: int) -> Callable[[Any], np.ndarray]:
    model = KNeighborsClassifier(min(N_NEIGHBORS, len(codes)), weights="distance").fit(train, codes)
    return model.predict_proba


def _neighbours_in_pcs(train: sparse.csr_matrix, codes: np.ndarray, seed: int) -> Callable[[Any], np.ndarray]:
    return _in_pcs(train, seed, lambda coordinates: _neighbours(coordinates, codes, seed))


REFERENCES = (
    Reference("sklearn_lr", "scikit-learn, default penalty", _logistic),
    Reference("pca_svm", "scPred's recipe (Alquicira-Hernandez et al. 2019)", _svm),
    Reference("boosting", "CaSTLe's genes (Lieberman et al. 2018), scikit-learn's trees", _boosting),
    Reference("knn_pca", "scikit-learn, 15 neighbours", _neighbours_in_pcs),
    Reference("knn_clear", "scikit-learn, 15 neighbours", _neighbours, reads="clear"),
)


def spread(said: np.ndarray, train_codes: np.ndarray, n_types: int) -> np.ndarray:
    """Probabilities of the types that were learnt as columns of all types; a type without a training cell is never
    said.
    """
    found = np.zeros((len(said), n_types))
    found[:, np.unique(train_codes)] = said
    return found
