"""README.txt of a dossier."""

README = """\
A dossier: report {report} of the study {study}, and all that its numbers were made from.

HOW TO CHECK IT
You need Python 3.9 or newer and one package: pip install cryptography
    python verify.py FILE.zip
    python verify.py FILE.zip --key KEY.pem      with the signer's key, if you have it
verify.py lies in this file. Better take it from where you trust it: a program that came with the
evidence can say anything. The key in keys/ came with the evidence too: compare its fingerprint
({key})
with what the signer tells you by other means.

WAS A TEXT OF MINE USED?
A document's id is the SHA-256 of the name of its source and its content, each followed by a NUL:
    {{ printf 'SOURCE\\0'; cat TEXT.txt; printf '\\0'; }} | sha256sum
    python verify.py FILE.zip --prove ID > proof.json
    python verify.py --proof proof.json --key KEY.pem      anyone can do this, without this file
A proof says that the document is on the signed list, and what each recipe did with it; or that it
is not. The content is the text as the source's reader gives it (of a chat or a pair: its payload):
one other character gives another id. So that list tells whoever knows a text whether it was there.

WHAT IS WHERE
report/       report.html (open it in a browser), results.json, findings.json, and the questions
artifacts/    of every artifact behind the report: manifest.json (SHA-256 of each file),
              provenance.json (what it was made from, by which code, when) and statement.json
              (both, signed when it was made: in-toto in a DSSE envelope)
ledgers/      one JSON object a line, gzip: documents (what each recipe did with it), consumption
              (what each training step read), items (each answer), attack_items, losses, metrics;
              of documents that were written for the study prompts, and written (by which model)
journal.jsonl what became current, in order
reviews/      signed decisions about the report, if there are any; reviewers/: their public keys
keys/         the public keys of the lake
index.json    SHA-256 and size of every other file
index.statement.json   the signature over index.json, the report, and the list of documents

{texts}
"""
WITHOUT = "The documents' texts are not in here, only their ids."
WITH = "ledgers/texts.jsonl.gz holds the documents' texts{but}."
"""What it says of texts."""
