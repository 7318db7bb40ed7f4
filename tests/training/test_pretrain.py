from pathlib import Path
from conftest import Jobs
from alignment_dagster.progress import Progress
from alignment_dagster.training.pretrain import pretrain
def test_a(jobs: Jobs) -> None:
    job = jobs.pretraining("a")
    pretrain(job, Progress(Path(job.work)))
    print([str(p) for p in jobs.folder.rglob("*")])
    print((Path(job.work)/"result.json").read_text())
    print((Path(job.output)/"model/config.json").read_text())
    print((Path(job.work)/"progress.jsonl").read_text())
    for f in Path(job.tokenizer).iterdir(): print(f)
