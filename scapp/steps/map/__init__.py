"""Steps of the map page: maps, clusters, marker genes, annotations, subsets."""
