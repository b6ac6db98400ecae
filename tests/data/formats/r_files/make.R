# Makes the R files of this folder: Rscript make.R (R 4.2.2, Seurat 4.3.0, SeuratObject 4.1.3, SingleCellExperiment 1.20.0).
# Seurat 2 and 5 are written by hand with the slots that their packages define; their packages are no longer, or not
# yet, in Debian 12.
suppressMessages({library(Matrix); library(SeuratObject); library(SingleCellExperiment)})
RNGversion("4.0.0"); set.seed(1)
n_genes <- 60; n_cells <- 40
counts <- matrix(rnbinom(n_genes * n_cells, mu = rep(exp(rnorm(n_genes)), n_cells), size = 1), n_genes)
counts[1, ] <- counts[1, ] + 1
rownames(counts) <- c("MT-CO1", "CD3E", "CD14", paste0("GENE", 4:n_genes))
barcode <- function(i) paste(sample(c("A", "C", "G", "T"), 16, TRUE), collapse = "")
colnames(counts) <- paste0(vapply(1:n_cells, barcode, ""), "-1")
sparse <- as(counts, "CsparseMatrix")
normalised <- as(log1p(t(t(counts) / colSums(counts)) * 1e4), "CsparseMatrix")
meta <- data.frame(cell_type = factor(rep(c("T cell", "monocyte"), each = 20)), donor = rep(c("d1", "d2", "d3", "d4"), 10),
                   age = rep(c(31L, NA), 20), score = seq(0, 1, length.out = n_cells), flag = rep(c(TRUE, FALSE), 20),
                   row.names = colnames(counts))
adt <- matrix(rpois(3 * n_cells, 5), 3, dimnames = list(c("CD3", "CD4", "CD19"), colnames(counts)))
umap <- matrix(rnorm(2 * n_cells), n_cells, dimnames = list(colnames(counts), c("UMAP_1", "UMAP_2")))
write.csv(counts, "counts.csv"); write.csv(meta, "meta.csv"); write.csv(umap, "umap.csv"); write.csv(adt, "adt.csv")

s <- suppressWarnings(CreateSeuratObject(counts = sparse, meta.data = meta, project = "kept"))
s <- SetAssayData(s, "data", normalised)
s[["ADT"]] <- CreateAssayObject(counts = as(adt, "CsparseMatrix"))
s[["umap"]] <- CreateDimReducObject(embeddings = umap[n_cells:1, ][colnames(counts), ], key = "UMAP_", assay = "RNA")
Idents(s) <- factor(rep(c("first", "second"), n_cells / 2))
saveRDS(s, "seurat4.rds"); save(s, file = "seurat4.RData")
x <- s; x@assays$RNA@counts <- new("dgCMatrix"); saveRDS(x, "seurat4_without_counts.rds")

sce <- SingleCellExperiment(list(logcounts = normalised, counts = sparse), colData = DataFrame(meta),
                            rowData = DataFrame(id = paste0("ENSG", sprintf("%011d", 1:n_genes))))
reducedDim(sce, "UMAP") <- umap; altExp(sce, "ADT") <- SummarizedExperiment(list(counts = adt))
saveRDS(sce, "sce.rds")
plain <- sce; assays(plain) <- list(counts = counts); reducedDims(plain) <- NULL; altExps(plain) <- NULL
saveRDS(plain, "sce_dense.rds", compress = "xz")

saveRDS(sparse, "dgCMatrix.rds"); saveRDS(sparse, "ascii.rds", ascii = TRUE)
saveRDS(as(sparse, "TsparseMatrix"), "dgTMatrix.rds", compress = "xz")
saveRDS(as(sparse, "RsparseMatrix"), "dgRMatrix.rds", compress = "bzip2")
saveRDS(as(sparse, "unpackedMatrix"), "dgeMatrix.rds")
saveRDS(counts, "matrix.rds", compress = FALSE)
saveRDS(as.data.frame(counts), "data_frame.rds")
saveRDS(list(counts = sparse, meta = meta[n_cells:1, ]), "list.rds")
saveRDS(list(`Gene Expression` = sparse, `Antibody Capture` = as(adt, "CsparseMatrix")), "read10x.rds")
saveRDS(list(a = sparse, b = sparse), "two_matrices.rds")
saveRDS(lm(dist ~ speed, cars), "lm.rds")
saveRDS(unname(counts), "no_names.rds")

setClass("LogMap", contains = "matrix"); setClass("BPMatrix", representation(dir = "character", dim = "integer"))
setClass("Assay5", representation(layers = "list", cells = "LogMap", features = "LogMap", default = "integer", meta.data = "data.frame"))
setClass("Seurat5", representation(assays = "list", meta.data = "data.frame", active.assay = "character", active.ident = "factor", reductions = "list"))
map <- function(names, layers) new("LogMap", matrix(TRUE, length(names), length(layers), dimnames = list(names, layers)))
five <- function(layers, file) {
  bare <- lapply(layers, function(m) { if (is(m, "Matrix")) dimnames(m) <- list(NULL, NULL); m })
  assay <- new("Assay5", layers = bare, cells = map(colnames(counts), names(layers)), features = map(rownames(counts), names(layers)),
               default = 1L, meta.data = data.frame(id = paste0("ENSG", 1:n_genes)))
  object <- new("Seurat5", assays = list(RNA = assay), meta.data = meta, active.assay = "RNA",
                active.ident = factor(rep("kept", n_cells)), reductions = list())
  attr(object, "class") <- structure("Seurat", package = "SeuratObject")
  saveRDS(object, file)
}
five(list(data = normalised, counts = sparse), "seurat5.rds")
five(list(counts.1 = sparse[, 1:20], counts.2 = sparse[, 21:40]), "seurat5_split.rds")
five(list(counts = new("BPMatrix", dir = "/elsewhere", dim = c(60L, 40L))), "seurat5_on_disk.rds")

setClass("dr2", representation(cell.embeddings = "matrix"))
setClass("seurat2", representation(raw.data = "ANY", data = "ANY", meta.data = "data.frame", ident = "factor", dr = "list"))
kept <- colnames(counts)[c(3:40, 1)]
old <- new("seurat2", raw.data = sparse, data = normalised[, kept], meta.data = meta[kept, ],
           ident = structure(factor(rep(c("0", "1", "2"), 13)), names = kept), dr = list(tsne = new("dr2", cell.embeddings = umap[kept, ])))
attr(old, "class") <- structure("seurat", package = "Seurat"); saveRDS(old, "seurat2.rds")

# as dropEst writes it, and GEO packs it: parts that name their own genes and cells, gzipped twice
exon <- sparse[-1, ]; intron <- as(Matrix::Matrix(rpois(5 * 40, 1), 5, sparse = TRUE), "generalMatrix")
dimnames(intron) <- list(rownames(sparse)[1:5], rev(colnames(sparse)))
saveRDS(list(exon = exon, intron = intron, spanning = exon[1:2, 1:10]), "dropest.rds")
total <- counts; total[1, ] <- 0
total[1:5, rev(colnames(counts))] <- total[1:5, rev(colnames(counts))] + as.matrix(intron)
total[rownames(exon)[1:2], 1:10] <- total[rownames(exon)[1:2], 1:10] + as.matrix(exon[1:2, 1:10])
write.csv(total, "dropest_total.csv")
