"""One run in the hands of somebody who kills it, and of an operator who takes it up again and tells the truth."""
import json, os, random, re, shutil, signal, subprocess, sys, time
from pathlib import Path

from chaos_parts import processes
from chaos_parts.runbooks import Maker

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "witness"))
import check  # noqa: E402

MOST_TURNS = 30
PATIENCE = 60.0
# What is done to a turn, and how often.
BLOWS = [("executor", 10), ("supervisor", 6), ("both", 6), ("step", 3), ("term", 2), ("interrupt", 1), ("pause", 1), ("pause-supervisor", 1), ("twice", 1)]


class Run:
    def __init__(self, program, witness, folder, seed, shapes=(), database=None):
        self.program, self.folder, self.seed = program, Path(folder), seed
        self.rng = random.Random(seed)
        self.log, self.turn, self.wrong, self.blows = [], 0, [], []
        self.last, self.answers, self.failures = None, 0, 0
        self.database = database
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        maker = Maker(self.rng, f"chaos-{seed}", shapes, database)
        self.facts = maker.make()
        (self.folder / "runbook.yaml").write_text(maker.text)
        (self.folder / "facts.json").write_text(json.dumps(self.facts, indent=1))
        for name, text in maker.others.items():
            (self.folder / name).write_text(text)
        os.link(witness, self.folder / "witness")
        for name in self.facts["there"]:
            (self.folder / f"mark.{name}").touch()
        for path, file in self.facts["files"].items():
            if file["before"] is not None:
                (self.folder / path).write_text(file["before"])
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RUNBOOK_STATE": str(self.folder / "state"),
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "USER": "chaos",
            "CHAOS_SECRET": self.facts["secret"],
        }

    def say(self, text):
        self.log.append(text)

    def records(self):
        found = check.journals(self.folder)
        return check.read_journal(found[-1]) if found else []

    # The turns.

    def go(self):
        """Turns until the run is over; every one of the first few is struck."""
        struck = self.rng.choice((1, 1, 1, 2, 2, 3, 4))
        while self.turn < MOST_TURNS:
            arguments = self.next_command()
            if arguments is None:
                break
            blow = self.draw_blow() if self.turn < struck and arguments[0] != "answer" else None
            self.take_turn(arguments, blow)
            if self.wrong:
                break
        else:
            self.wrong.append(f"the run is not over after {MOST_TURNS} turns")
        return self.judge()

    def next_command(self):
        records = self.records()
        if not records:
            return ["exec", "runbook.yaml", "--yes"] + self.rng.choice(([], ["--json"]))
        last = records[-1]
        if last["event"] == "run_finished" and last["outcome"] in check.FINAL:
            return None
        json_wanted = self.rng.choice(([], ["--json"]))
        question = open_question(records)
        if question and self.last == 7:
            return self.answer(question, records)
        back = any(record["event"] == "rollback_started" for record in records)
        stuck = last["event"] == "run_finished" and last["outcome"] == "stuck"
        failed = last["event"] == "run_finished" and last["outcome"] == "failed"
        self.failures += failed
        wants_back = stuck or self.failures > 3 or (not back and self.rng.random() < 0.12)
        if not wants_back:
            return ["resume", "--yes", *json_wanted]
        own = self.facts["top"]
        to = ["--to", self.rng.choice(own)] if not back and own and self.rng.random() < 0.15 else []
        return ["rollback", *to, *json_wanted]

    def draw_blow(self):
        kinds, weights = zip(*BLOWS, *([("sessions", 8)] if self.database else []))
        kind = self.rng.choices(kinds, weights)[0]
        # Most by how much was written, so that a busy machine does not gather all of them at one end.
        by = ("time", self.rng.uniform(0, 0.3))
        if self.rng.random() < 0.75:
            most = 4 + 5 * len(self.facts["steps"])
            by = ("lines", self.rng.randint(1, most), self.rng.uniform(0, 0.008))
        return kind, by

    def take_turn(self, arguments, blow):
        self.turn += 1
        before, self.taken_up = len(self.records()), False
        names = [self.folder / f"turn-{self.turn}.{kind}" for kind in ("out", "err")]
        self.say(f"turn {self.turn}: {' '.join(arguments)}  blow: {blow}")
        with open(names[0], "wb") as out, open(names[1], "wb") as err:
            child = subprocess.Popen(
                [self.program, *arguments], cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            )
        if blow:
            self.strike(child, blow)
        try:
            code = child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
            self.wrong.append(f"turn {self.turn} ({' '.join(arguments)}) does not end")
        self.last = code
        self.say(f"  ended with {code}")
        said = names[1].read_text(errors="replace")
        allowed = (0, 1, 4, 5, 6, 7, -9)
        if "panicked" in said:
            self.wrong.append(f"turn {self.turn} panicked: {said[-500:]}")
        elif code == 3 and self.is_let_go_late(said):
            self.say("  the lock was let go late")
        elif code in (-signal.SIGTERM, -signal.SIGINT) and len(self.records()) == before:
            self.say("  it did not listen yet, and had done nothing")
        elif code not in allowed:
            self.wrong.append(f"turn {self.turn} ({' '.join(arguments)}) ended with {code}: {said[-500:]}")
        elif code >= 0 and arguments[0] != "answer" and not self.taken_up:
            self.code_is_true(code)

    def is_let_go_late(self, said):
        """An executor that is killed while it starts something leaves its locks, for a moment, to a copy of itself
        that is about to become that. Nobody else may have them, and not for long."""
        holder = re.search(r"process (\d+)", said)
        limit = time.monotonic() + 2
        while holder and not processes.is_there(int(holder[1])) and time.monotonic() < limit:
            holders = processes.holders(self.folder / "state")
            if not holders:
                return True
            if any(processes.is_supervisor(pid, self.program) for pid in holders):
                return False
            time.sleep(0.005)
        return False

    def code_is_true(self, code):
        """The exit code is that of the last record (G1: what is returned was durable)."""
        records = self.records()
        last = records[-1] if records else {}
        codes = {"succeeded": 0, "failed": 1, "stopped": 6, "rolled_back": 4, "partly_rolled_back": 5, "stuck": 5}
        if last.get("event") == "run_finished":
            if codes[last["outcome"]] != code:
                self.wrong.append(f"turn {self.turn} ended with {code}, and the run as {last['outcome']}")
        elif code != 7 or not open_question(records):
            self.wrong.append(f"turn {self.turn} ended with {code}, and its last record is {last.get('event')}")

    # The blows.

    def strike(self, child, blow):
        kind, by = blow
        if not self.wait_for(child, by):
            return
        executor = processes.Handle.open(child.pid)
        supervisors = processes.supervisors(child.pid, self.program)
        if kind in ("supervisor", "both", "step", "pause-supervisor"):
            limit = time.monotonic() + 0.05
            while not supervisors and child.poll() is None and time.monotonic() < limit:
                time.sleep(0.0005)
                supervisors = processes.supervisors(child.pid, self.program)
        self.blows.append((kind, self.lines()))
        self.say(f"  {kind} of {child.pid}, supervisors {[one.pid for one in supervisors]}")
        pause = self.rng.uniform(0, 0.03)
        if kind == "executor":
            executor.send(signal.SIGKILL)
        elif kind == "supervisor":
            for one in supervisors:
                one.send(signal.SIGKILL)
        elif kind == "both":
            victims = [executor, *supervisors]
            if self.rng.random() < 0.5:
                victims.reverse()
            for one in victims:
                one.send(signal.SIGKILL)
                time.sleep(self.rng.choice((0, 0, 0.002)))
        elif kind == "step":
            for one in supervisors:
                for member in processes.handles(one.pid):
                    member.send(signal.SIGKILL)
        elif kind == "term":
            executor.send(signal.SIGTERM)
        elif kind == "interrupt":
            executor.send(signal.SIGINT)
        elif kind == "pause":
            executor.send(signal.SIGSTOP)
            time.sleep(pause)
            executor.send(self.rng.choice((signal.SIGCONT, signal.SIGKILL)))
        elif kind == "pause-supervisor":
            for one in supervisors:
                one.send(signal.SIGSTOP)
            if self.rng.random() < 0.5:
                executor.send(signal.SIGKILL)
            time.sleep(pause)
            for one in supervisors:
                one.send(signal.SIGCONT)
        elif kind == "sessions":
            self.database.end_sessions()
        elif kind == "twice":
            self.second_executor(child)
            executor.send(signal.SIGKILL)

    def second_executor(self, child):
        """Somebody else takes the run up while it is executed: refused, and nothing comes of it."""
        if not self.records():
            return
        other = subprocess.run(
            [self.program, "resume", "--yes"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=PATIENCE,
        )
        self.taken_up = other.returncode != 3
        if child.poll() is None and other.returncode != 3 and not self.is_over():
            self.wrong.append(f"a second executor is not refused: {other.returncode} {other.stderr[-300:]}")

    def is_over(self):
        last = self.records()[-1]
        return last["event"] == "run_finished"

    def wait_for(self, child, by):
        """Until the moment of the blow; false where the turn ended before."""
        start = self.lines()
        # Starting takes long on a busy machine; few blows are meant for it.
        while by[0] == "time" and by[1] > 0.03 and self.lines() == start and child.poll() is None:
            time.sleep(0.001)
        began = time.monotonic()
        while child.poll() is None:
            now = time.monotonic() - began
            if by[0] == "time" and now >= by[1]:
                return True
            if by[0] == "lines" and self.lines() - start >= by[1]:
                time.sleep(by[2])
                return child.poll() is None
            time.sleep(min(0.002, max(by[1] - now, 0.0002)) if by[0] == "time" else 0.001)
        return False

    def lines(self):
        """About how many records and effects there are: by the sizes of their files."""
        total = 0
        for path, each in [(self.folder / "witness.log", 48), *((one, 420) for one in (self.folder / "state/runs").glob("*/journal.jsonl"))]:
            try:
                total += path.stat().st_size // each
            except FileNotFoundError:
                pass
        return total

    # The operator.

    def answer(self, question, records):
        step = question["step"]
        self.answers += 1
        if question["question"] == "manual":
            word = "succeeded"
        elif question["question"] == "failure":
            word = self.rng.choice(("retry", "skip", "rollback", "stop"))
        elif question["question"] == "confirm":
            word = "yes"
        else:
            word = self.truth(question, records)
        return ["answer", records[0]["run"], step, word, "--reason", "the witness says so"]

    def truth(self, question, records):
        """What a person would find who goes and looks, once the step is over."""
        undo = question["question"] == "undo_unknown"
        kind = "undo_started" if undo else "attempt_started"
        intent = [record for record in records if record["event"] == kind and record["step"] == question["step"]][-1]
        process = intent["intent"].get("process") if isinstance(intent["intent"], dict) else None
        if process and not processes.wait_until_over(process["pid"], PATIENCE):
            self.wrong.append(f"{question['step']} is never over")
        way = f"undo{intent['part']}" if undo else "do"
        facts = self.facts["steps"].get(check.plain(question["step"]), {})
        if facts.get("sql"):
            self.database.wait_until_over(intent["intent"]["session"]["application_name"])
            there = self.database.count(question["step"]) > 0
            return ("run-again" if there else "succeeded") if undo else ("succeeded" if there else "not-started")
        if way not in facts.get("ways", ()):
            return "run-again"
        look = check.Check(self.folder)
        key = (question["step"], way, intent["attempt"])
        ends = [end for end in look.ended if end[:2] == key[:2]]
        if key in look.ended:
            return "failed" if len(ends) <= facts.get("fails", {}).get(way, 0) else "succeeded"
        if key in look.begun:
            return "run-again" if undo else self.rng.choice(("failed", "run-again"))
        return "run-again" if undo else "not-started"

    # The judge.

    def judge(self):
        for record in self.records():
            intent = record.get("intent")
            if isinstance(intent, dict) and "process" in intent and not processes.wait_until_over(intent["process"]["pid"], 5, self.program):
                self.wrong.append(f"the supervisor {intent['process']['pid']} is still there")
        self.wrong += check.Check(self.folder).everything()
        for path in check.journals(self.folder):
            verified = subprocess.run(
                [self.program, "audit", "verify", path.parent.name], cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
            )
            if verified.returncode != 0:
                self.wrong.append(f"audit verify: {verified.stdout.decode(errors='replace')}")
        if self.database and not self.wrong:
            self.wrong += self.effects_are_true()
        return self.wrong

    def effects_are_true(self):
        """What the tables hold of each SQL step: once where it succeeded, not at all where it was undone."""
        records, counts, wrong = self.records(), self.database.counts(), []
        last = records[-1]
        left = {one["step"] for one in last["remaining"]}
        begun = {record["step"] for record in records if record["event"] == "attempt_started"}
        for step, facts in self.facts["steps"].items():
            count = counts.get(step, 0)
            wanted = int(step in begun and last["outcome"] == "succeeded")
            if facts.get("sql") and (count > 1 or (step not in left and count != wanted)):
                wrong.append(f"{step} took effect {count} times in a run that {last['outcome']}")
        return wrong


def open_question(records):
    """The question that nobody answered and nothing overtook."""
    found = None
    for record in records:
        if record["event"] == "question_asked":
            found = record
        elif record["event"] in ("decision_made", "rollback_started"):
            found = None
    return found
