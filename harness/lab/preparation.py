"""The model files of a run: taken as they are given or prepared, and tied to the cases that need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from harness.domain import Case, ModelRef, RunRecord, Status, VariantFile
from harness.events import Event, Message, PrepareStarted, RowUpdated, VariantPrepared
from harness.lab.assignment import LaneCases
from harness.lab.interrupt import Interrupt
from harness.lab.ledger import Ledger
from harness.lab.requests import Files, SweepRequest
from harness.lab.same import require_same_file, wanted_variants
from harness.prepare import prepare
from harness.store import Store
from harness.sweep import Plan


class Preparation:
    """Brings the files of a run to its cases; what has none becomes a row that says why."""

    def __init__(
        self,
        request: SweepRequest,
        store: Store,
        interrupt: Interrupt,
        post: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._request, self._store, self._interrupt = request, store, interrupt
        self._post, self._clock = post, clock

    def files(self, run: RunRecord, lanes: Sequence[LaneCases], measured: Files) -> Files:
        """The files of all cases, by model and variant; only what a case needs is converted."""
        cases = [case for lane in lanes for case in lane.cases]
        given = {key: self._request.files[key] for key in map(_file_key, cases) if key in self._request.files}
        wanted = wanted_variants(
            [case for case in cases if _file_key(case) not in given],
            together=self._request.sweep.edgetpu_compiler.together,
        )
        count = len(given) + sum(len(models) * len(variants) for variants, models in wanted.items())
        self._post(PrepareStarted(count, self._clock()))
        files: dict[tuple[str, str], VariantFile] = dict(given)
        for file in given.values():
            self._keep_file(run, measured, file)
        for variants, models in wanted.items():
            for file in self._prepare_group(models, variants, run, measured):
                files[file.model, file.variant] = file
        return files

    def _keep_file(self, run: RunRecord, measured: Files, file: VariantFile) -> None:
        require_same_file(run, measured.get((file.model, file.variant)), file)
        self._store.save_variant_file(run.run_id, file)
        self._post(VariantPrepared(file, self._clock()))

    def _prepare_group(
        self,
        models: Sequence[ModelRef],
        variants: Sequence[str],
        run: RunRecord,
        measured: Files,
    ) -> tuple[VariantFile, ...]:
        return prepare(
            models,
            variants,
            cache_dir=self._request.cache_dir,
            jobs=self._request.jobs,
            on_file=partial(self._keep_file, run, measured),
            on_progress=lambda text: self._post(Message("info", text, self._clock())),
            cancel=self._interrupt.stop,
            timeout_s=self._request.prepare_timeout_s,
            edgetpu=self._request.sweep.edgetpu_compiler,
        )

    def attach(
        self,
        ledger: Ledger,
        plan: Plan,
        lanes: Sequence[LaneCases],
        files: Files,
    ) -> None:
        """Tie files and devices to the cases; what cannot run becomes a row with its reason and leaves its lane."""
        for skip in plan.skips:
            self.refuse(ledger, skip.case, Status.SKIPPED, skip.reason)
        for lane in lanes:
            for case in (*lane.cases, *(case for case, _ in lane.refused)):
                ledger.attach(files, lane.facts, case)
            for case, reason in lane.refused:
                self.refuse(ledger, case, Status.SKIPPED, reason)
            if not self._interrupt.stop.is_set():  # otherwise the files are missing because nobody waited for them
                self._refuse_without_file(ledger, lane)

    def _refuse_without_file(self, ledger: Ledger, lane: LaneCases) -> None:
        for case in tuple(lane.cases):
            file = ledger[case.case_id].file
            if file is None or file.status is not Status.DONE:
                status, reason = (file.status, file.reason) if file else (Status.FAILED, "no model file")
                self.refuse(ledger, case, status, reason)
                lane.cases.remove(case)

    def refuse(self, ledger: Ledger, case: Case, status: Status, reason: str) -> None:
        """A case that does not run: its row with the reason, and its event."""
        self._post(RowUpdated(ledger.refuse(case, status, reason), case, True, self._clock()))


def _file_key(case: Case) -> tuple[str, str]:
    return case.model.name, case.variant
