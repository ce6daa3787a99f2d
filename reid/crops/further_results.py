"""Figures beside the published protocols, all by the rules of Market-1501: more pictures of a query, and re-ranking."""

from dataclasses import replace

from reid.crops.splits import CropEmbeddings, multi_query
from reid.ranking.expansion import expand_queries
from reid.ranking.protocols import MARKET, CropTask, ProtocolResult
from reid.ranking.rerank import k_reciprocal


def multi_query_result(
    task: CropTask, query: CropEmbeddings, gallery: CropEmbeddings, crops: CropEmbeddings
) -> ProtocolResult:
    """Ranks by the average of all crops of each query's person and camera.

    Args:
        task: Who is in the queries and in the gallery.
        query: The embeddings of the queries, in the task's order.
        gallery: The embeddings of the gallery, in the task's order.
        crops: The embeddings of the crops to average, which may belong to any query.
    """
    named = replace(MARKET, name="market1501, multi-query")
    return task.rank(multi_query(query, crops), gallery.embeddings, named)


def expanded_result(task: CropTask, query: CropEmbeddings, gallery: CropEmbeddings) -> ProtocolResult:
    """Ranks by queries that are averaged with their nearest neighbors.

    Args:
        task: Who is in the queries and in the gallery.
        query: The embeddings of the queries, in the task's order.
        gallery: The embeddings of the gallery, in the task's order.
    """
    named = replace(MARKET, name="market1501, query expansion")
    return task.rank(expand_queries(query.embeddings, gallery.embeddings), gallery.embeddings, named)


def reranked_result(task: CropTask, query: CropEmbeddings, gallery: CropEmbeddings) -> ProtocolResult:
    """Ranks by k-reciprocal distances.

    Args:
        task: Who is in the queries and in the gallery.
        query: The embeddings of the queries, in the task's order.
        gallery: The embeddings of the gallery, in the task's order.
    """
    named = replace(MARKET, name="market1501, re-ranking")
    return task.rank_distances(k_reciprocal(query.embeddings, gallery.embeddings), named)
