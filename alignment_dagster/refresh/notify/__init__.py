"""Telling people what happened to a study: by webhook, mail or file, as the study declares.

Only names, numbers and addresses of pages are told: no text of documents, no text of errors.
"""

from alignment_dagster.refresh.notify.message import Message, a_name, message
from alignment_dagster.refresh.notify.notify import notify, send_test
from alignment_dagster.refresh.notify.settings import problems

__all__ = ["Message", "a_name", "message", "notify", "problems", "send_test"]
