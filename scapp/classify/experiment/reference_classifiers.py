"""Classifiers of other people, beside which ours are shown. All learn from training cells alone."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, special
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from scapp.core.errors import MissingDependencyError

N_COMPONENTS = 50
ROUNDS = 50
"""Of boosting."""
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
    package: tuple[str, str] = ("", "")
    """Module, and what pip calls it, of one that is not installed with scapp."""


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
    model = HistGradientBoostingClassifier(early_stopping=False, max_iter=ROUNDS, random_state=seed)
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


def _xgboost(train: sparse.csr_matrix, codes: np.ndarray, seed: int) -> Callable[[Any], np.ndarray]:
    import xgboost

    genes = castle_genes(train, codes, seed)
    model = xgboost.XGBClassifier(n_estimators=ROUNDS, random_state=seed)
    # it wants types numbered without gaps
    model.fit(train[:, genes].toarray(), np.unique(codes, return_inverse=True)[1])
    return lambda cells: np.asarray(model.predict_proba(cells[:, genes].toarray()), dtype=np.float64)


def _celltypist(train: sparse.csr_matrix, codes: np.ndarray, seed: int) -> Callable[[Any], np.ndarray]:
    import anndata as ad
    import celltypist

    genes = [f"gene{i}" for i in range(train.shape[1])]
    # numbers as text would be sorted as text
    names = np.array([f"type{code:06d}" for code in codes])
    # its default solver asks scikit-learn for an option that 1.8 has no longer (celltypist 1.7.1)
    options = {"use_SGD": True, "max_iter": 1_000, "random_state": seed}
    model = celltypist.train(train, labels=names, genes=genes, check_expression=False, **options)

    def said(cells: sparse.csr_matrix) -> np.ndarray:
        adata = ad.AnnData(sparse.csr_matrix(cells), var=pd.DataFrame(index=genes))
        found = celltypist.classifier.Classifier(adata, model=model).celltype()
        # probabilities of one type against the rest, as it gives them, but from its scores: all of a cell's may be 0
        scores = found.decision_matrix[np.unique(names)].to_numpy(dtype=np.float64)
        return np.asarray(special.softmax(special.log_expit(scores), axis=1))

    return said


REFERENCES = (
    Reference("sklearn_lr", "scikit-learn, default penalty", _logistic),
    Reference("pca_svm", "scPred's recipe (Alquicira-Hernandez et al. 2019)", _svm),
    Reference("boosting", "CaSTLe's genes (Lieberman et al. 2018), scikit-learn's trees", _boosting),
    Reference("knn_pca", "scikit-learn, 15 neighbours", _neighbours_in_pcs),
    Reference("knn_clear", "scikit-learn, 15 neighbours", _neighbours, reads="clear"),
)
PEERS = (
    Reference("xgboost", "CaSTLe's genes, XGBoost's defaults", _xgboost, package=("xgboost", "xgboost-cpu")),
    Reference(
        "celltypist", "CellTypist, by stochastic gradient descent", _celltypist, package=("celltypist", "celltypist")
    ),
)


def references_of(*, references: bool, peers: bool, with_clear: bool) -> list[Reference]:
    """What stands beside our models.

    Raises
    ------
    MissingDependencyError
        A peer was asked for and is not installed.
    """
    found = [r for r in REFERENCES if references and (r.reads == "genes" or with_clear)]
    for peer in PEERS if peers else ():
        module, package = peer.package
        if importlib.util.find_spec(module) is None:
            raise MissingDependencyError(
                f"{module} is not installed.",
                hint=f"Install it beside scapp (pip install {package}), or leave out 'XGBoost and CellTypist'.",
            )
        found.append(peer)
    return found


def spread(said: np.ndarray, train_codes: np.ndarray, n_types: int) -> np.ndarray:
    """Probabilities of the types that were learnt as columns of all types; a type without a training cell is never
    said.
    """
    found = np.zeros((len(said), n_types))
    found[:, np.unique(train_codes)] = said
    return found
