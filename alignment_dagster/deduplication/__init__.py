"""Near duplicates: texts that share most of their shingles, found exactly.

Every document becomes a sorted set of hashed word n-grams (`shingles`, kept in `digests`). A prefix
of each set names the candidates (`candidates`), each is verified by the similarity of the whole
sets (`pairs`), and a document is removed only for one that is kept (`selection`).
"""
