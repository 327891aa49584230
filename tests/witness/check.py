"""Holds what the witness saw against what the journal says: python3 check.py FOLDER

Reads the journal as lines of JSON and shares no code with the program. FOLDER holds `state`, `witness.log`, what the
commands printed, and `facts.json`, which says of each step what may be done to it: see `chaos_parts/runbooks.py`.
Prints each contradiction on a line of its own; none is success."""
import base64, json, re, sys, urllib.parse
from collections import defaultdict
from pathlib import Path

FINAL = ("succeeded", "rolled_back", "partly_rolled_back")


class Seen:
    """One line of the witness."""

    def __init__(self, place, line):
        self.place = place
        self.way, self.step, attempt, self.word, self.pid, self.time, size = line.split(" ")
        self.attempt, self.size = int(attempt or 0), int(size)
        self.key = (self.step, self.way, self.attempt)

    def __str__(self):
        return f"{self.word} of {self.way} {self.step} {self.attempt}"


def plain(name):
    """A step's name without the group that includes it and the item that it is for; hooks keep theirs."""
    name = re.sub(r"\[[^\]]*\]", "", name)
    return name if name.split("/")[0] in ("on_start", "on_success", "on_failure", "on_rollback", "always") else name.split("/")[-1]


def read_journal(path):
    """The whole records, each with the bytes at which it begins and ends."""
    records, at = [], 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        record = json.loads(line)
        record["<"], record[">"] = at, at + len(line) + 1
        at = record[">"]
        records.append(record)
    return records


def journals(folder):
    runs = sorted((Path(folder) / "state" / "runs").glob("*/journal.jsonl"))
    return [path for path in runs if b"\n" in path.read_bytes()]


class Check:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.facts = json.loads((self.folder / "facts.json").read_text())
        self.wrong = []
        found = journals(folder)
        self.records = read_journal(found[-1]) if found else []
        if len(found) > 1:
            self.wrong.append(f"{len(found)} runs began")
        log = self.folder / "witness.log"
        lines = log.read_text().split("\n") if log.exists() else [""]
        if lines[-1]:
            self.wrong.append("the witness has a torn line")
        self.seen = [Seen(place, line) for place, line in enumerate(lines[:-1])]
        self.begun = {seen.key: seen for seen in self.seen if seen.word == "begin" and not self.is_again(seen)}
        self.ended = {seen.key: seen for seen in self.seen if seen.word == "end"}
        last = self.records[-1] if self.records else {}
        self.outcome = last.get("outcome") if last.get("event") == "run_finished" else None

    def is_again(self, seen):
        """Only the reload of a file may come twice in one attempt: nobody can know whether it was done."""
        return seen.way.startswith("reload")

    def of(self, *kinds):
        return [record for record in self.records if record["event"] in kinds]

    def fact(self, name):
        return self.facts["steps"].get(plain(name), {})

    def say(self, text):
        self.wrong.append(text)

    def everything(self):
        self.every_effect_has_its_intent()
        self.every_success_has_its_effect()
        self.nothing_is_done_twice()
        self.what_is_over_does_nothing()
        self.what_never_began_never_began()
        self.attempts_never_overlap()
        self.nothing_goes_forward_in_a_rollback()
        self.holds_are_held()
        self.the_end_is_true()
        self.every_turn_is_its_own()
        self.what_was_shown_is_there()
        self.secrets_are_nowhere()
        return self.wrong

    def every_effect_has_its_intent(self):
        intents = {}
        for record in self.of("attempt_started"):
            intents[record["step"], "do", record["attempt"]] = record
            intents[record["step"], "reload", record["attempt"]] = record
        for record in self.of("undo_started"):
            way = f"undo{record['part']}"
            intents[record["step"], way, record["attempt"]] = record
            intents[record["step"], "reload-undo", record["attempt"]] = record
        counted = defaultdict(int)
        for seen in self.seen:
            key = (seen.step, "reload-undo" if seen.way == "reload" and (seen.step, "reload", seen.attempt) not in intents else seen.way, seen.attempt)
            counted[seen.key, seen.word] += 1
            intent = intents.get(key)
            if intent is None:
                self.say(f"{seen} has no intent")
            elif intent[">"] > seen.size:
                self.say(f"{seen} came before its intent was written")
            if counted[seen.key, seen.word] > 1 and not self.is_again(seen):
                self.say(f"{seen} came twice")

    def every_success_has_its_effect(self):
        for record in self.of("attempt_finished", "undo_finished"):
            if record["outcome"] != "succeeded":
                continue
            fact = self.fact(record["step"])
            way = f"undo{record['part']}" if record["event"] == "undo_finished" else "do"
            if way not in fact.get("ways", ()):
                continue
            end = self.ended.get((record["step"], way, record["attempt"]))
            if end is None:
                self.say(f"success of {way} {record['step']} {record['attempt']} is recorded, and it never came to its end")
            elif end.size > record["<"]:
                self.say(f"success of {way} {record['step']} {record['attempt']} was recorded before its end")
        for record in self.of("step_settled", "undo_settled"):
            fact = self.fact(record["step"])
            way = f"undo{record['part']}" if record["event"] == "undo_settled" else "do"
            if record["as"] != "succeeded" or way not in fact.get("ways", ()):
                continue
            # A check sees the mark, which a step that was killed may have made right before its end.
            enough = self.begun if record["by"] == "check" else self.ended
            seen = [seen for seen in enough.values() if seen.step == record["step"] and seen.way == way]
            if not any(one.size <= record["<"] for one in seen):
                self.say(f"{way} {record['step']} is settled as succeeded, and it never {'began' if record['by'] == 'check' else 'came to its end'}")

    def nothing_is_done_twice(self):
        """Between two attempts stands what allows the second."""
        why, last, open_hooks = {}, {}, set()
        for record in self.records:
            step = record.get("step")
            if record["event"] == "attempt_started" and self.fact(step).get("hook"):
                open_hooks.add(step)
            elif record["event"] in ("attempt_finished", "step_settled"):
                open_hooks.discard(step)
            if record["event"] == "attempt_started":
                if step in last and step not in why and not self.fact(step).get("hold"):
                    self.say(f"attempt {record['attempt']} of {step} follows {last[step]}, and nothing allows it")
                if step in last and record["attempt"] != last[step] + 1:
                    self.say(f"attempt {record['attempt']} of {step} follows {last[step]}")
                last[step] = record["attempt"]
                why.pop(step, None)
            elif record["event"] == "attempt_finished" and record["outcome"] in ("failed", "timed_out"):
                why[step] = "it failed"
            elif record["event"] == "attempt_finished":
                why.pop(step, None)
            elif record["event"] == "step_settled" and record["as"] in ("not_started", "run_again", "failed"):
                fact = self.fact(step)
                if record["as"] == "run_again" and record["by"] == "idempotent" and not fact.get("idempotent"):
                    self.say(f"{step} is run again as if it were idempotent")
                if record["by"] == "person" and not any(
                    made["step"] == step and made[">"] <= record["<"] for made in self.of("decision_made")
                ):
                    self.say(f"{step} is settled by a person who said nothing")
                why[step] = record["as"]
            elif record["event"] == "run_resumed":
                # A hook belongs to a turn, and each turn has its own.
                why.update({name: "another turn" for name in last if self.fact(name).get("hook") and name not in open_hooks})
            elif record["event"] == "round_finished":
                why[step] = "another round"
        open_undos = {}
        for record in self.records:
            key = (record.get("step"), record.get("part"))
            if record["event"] == "undo_started":
                if open_undos.get(key) == "open":
                    self.say(f"undo {key} begins again, and nothing settled the one before")
                open_undos[key] = "open"
            elif record["event"] == "undo_finished":
                unknown = record["outcome"] not in ("succeeded", "failed", "timed_out")
                open_undos[key] = "open" if unknown else "over"
            elif record["event"] == "undo_settled":
                open_undos[key] = "over"

    def what_is_over_does_nothing(self):
        """What is recorded as ended, or as proven to be over, is never seen again."""
        over = {}
        for record in self.of("attempt_finished", "undo_finished"):
            way = f"undo{record['part']}" if record["event"] == "undo_finished" else "do"
            if record["outcome"] != "unknown_may_run":
                over[record["step"], way, record["attempt"]] = record[">"]
        for seen in self.seen:
            if seen.size >= over.get(seen.key, sys.maxsize):
                self.say(f"{seen} comes after it is recorded as over")

    def what_never_began_never_began(self):
        attempts = {}
        for record in self.records:
            if record["event"] == "attempt_started":
                attempts[record["step"]] = record["attempt"]
            if record["event"] == "step_settled" and record["as"] == "not_started":
                key = (record["step"], "do", attempts.get(record["step"]))
                # A check says only that the effect is not in place.
                if record["by"] != "check" and key in self.begun:
                    self.say(f"{record['step']} {key[2]} is recorded as never begun ({record['by']}), and it began")
                if record["by"] == "check" and key in self.ended:
                    self.say(f"{record['step']} {key[2]} is recorded as not in place, and it came to its end")

    def attempts_never_overlap(self):
        """Of one step never; where nothing runs side by side, of no two."""
        serial = not self.facts.get("parallel")
        for place, seen in enumerate(self.seen):
            if seen.word != "begin" or self.is_again(seen):
                continue
            end = self.ended.get(seen.key)
            if end is None:
                continue
            for other in self.seen[place + 1 : end.place]:
                if other.key != seen.key and (other.step == seen.step or serial) and not (self.is_again(other) and not serial):
                    self.say(f"{other} comes while {seen.way} {seen.step} {seen.attempt} is under way")

    def nothing_goes_forward_in_a_rollback(self):
        started = self.of("rollback_started")
        if len(started) > 1:
            self.say("the rollback began twice")
        for seen in self.seen:
            if seen.way.startswith("undo") and (not started or seen.size < started[0][">"]):
                self.say(f"{seen} came before the rollback was recorded")
        for record in self.of("attempt_started"):
            fact = self.fact(record["step"])
            if started and record["<"] > started[0]["<"] and not fact.get("hook") and not fact.get("hold"):
                self.say(f"{record['step']} begins after the rollback had begun")

    def holds_are_held(self):
        """What stands within a hold is done and undone while it is held, and nothing is held at the end."""
        held = {}
        for seen in self.seen:
            hold = self.fact(seen.step).get("hold")
            if hold and seen.step.endswith(".acquire"):
                held[hold] = "held" if seen.word == "end" else held.get(hold) or "taken"
            elif hold and seen.word == "end":
                held[hold] = None
            elif self.fact(seen.step).get("held") and held.get(self.fact(seen.step)["held"]) != "held":
                self.say(f"{seen} comes while {self.fact(seen.step)['held']} is not held")
        for hold in sorted(hold for hold, how in held.items() if how and self.outcome in FINAL):
            self.say(f"{hold} is still held at the end")

    def the_end_is_true(self):
        if self.outcome not in FINAL:
            return
        remaining = {left["step"] for left in self.records[-1]["remaining"]}
        back = bool(self.of("rollback_started"))
        if (self.outcome == "succeeded") == back:
            self.say(f"a run that {'rolled back' if back else 'went forward'} ends as {self.outcome}")
        skipped = {record["step"] for record in self.of("undo_skipped")}
        undone = []
        for name, step in self.own_steps():
            begun = [seen for key, seen in self.begun.items() if key[0] == name and key[1] == "do"]
            undo = [way for way in step.get("ways", ()) if way.startswith("undo")]
            undo_begun = [key for key in self.begun if key[0] == name and key[1].startswith("undo")]
            if not back and undo_begun:
                self.say(f"{name} was undone in a run that went forward")
            if back and undo_begun and not self.of_step("undo_started", name):
                self.say(f"{name} was undone without a record")
            if not back or not begun or name in remaining:
                continue
            if undo and name not in skipped:
                ends = [self.last_end(name, way) for way in undo]
                for way, end in zip(undo, ends):
                    if end is None or end.place < begun[-1].place:
                        self.say(f"{name} was begun and is rolled back, and its {way} did not come to its end after it")
                if None not in ends:
                    began = min(seen.place for key, seen in self.begun.items() if key[0] == name and key[1] in undo)
                    undone.append((name, *self.under_way(name, begun), began, max(end.place for end in ends)))
        # What ended before another began is undone after it; of two that went on at once either may come first.
        for first, _, over, back, _ in undone:
            for second, began, _, _, whole in undone:
                if over < began and back < whole:
                    self.say(f"{first} was undone before {second}, which is newer")
        self.marks_are_true(remaining, back)
        self.files_are_true(remaining, back)

    def under_way(self, name, begun):
        """From where to where in the journal a step was under way: from the attempt that really began first."""
        starts = [record for record in self.of_step("attempt_started", name) if record["attempt"] >= begun[0].attempt]
        ends = self.of_step("attempt_finished", name) + self.of_step("step_settled", name)
        return min((record["<"] for record in starts), default=0), max((record["<"] for record in ends), default=sys.maxsize)

    def own_steps(self):
        names = {record["step"] for record in self.of("attempt_started", "step_in_place")}
        return [(name, self.fact(name)) for name in sorted(names) if not self.fact(name).get("hook")]

    def of_step(self, kind, name):
        return [record for record in self.of(kind) if record["step"] == name]

    def last_end(self, name, way):
        ends = [seen for key, seen in self.ended.items() if key[:2] == (name, way)]
        return max(ends, key=lambda seen: seen.place, default=None)

    def marks_are_true(self, remaining, back):
        in_place = {record["step"] for record in self.of("step_in_place")}
        for name, step in self.own_steps():
            if not step.get("mark"):
                continue
            there = (self.folder / f"mark.{name.replace('/', '~')}").exists()
            if name in in_place and not self.of_step("attempt_started", name):
                if not there:
                    self.say(f"{name} was found in place, and is there no more")
            elif back and there and name not in remaining and not step.get("stays"):
                self.say(f"{name} is rolled back, and is still there")
            elif not back and not there and name not in remaining:
                self.say(f"{name} succeeded, and is not there")

    def files_are_true(self, remaining, back):
        begun = {record["step"] for record in self.of("attempt_started")}
        for path, file in self.facts.get("files", {}).items():
            found = self.folder / path
            text = found.read_text() if found.exists() else None
            if text not in (file["before"], file["after"]):
                self.say(f"{path} has bytes that nobody wrote: {text!r}")
            elif back and file["step"] not in remaining and text != file["before"]:
                self.say(f"{path} is rolled back, and has its new bytes")
            elif not back and file["step"] in begun and file["step"] not in remaining and text != file["after"]:
                self.say(f"{path} was written, and has its old bytes")

    def every_turn_is_its_own(self):
        epoch = 0
        for record in self.records:
            if record["epoch"] < epoch:
                self.say(f"the epoch fell at record {record['seq']}")
            if record["event"] in ("run_resumed", "decision_made") and record["epoch"] <= epoch:
                taken_up = record["event"] == "run_resumed"
                if taken_up:
                    self.say(f"record {record['seq']} is of a new turn, and of the epoch of the turn before")
            epoch = record["epoch"]

    def what_was_shown_is_there(self):
        written = {record["hash"] for record in self.records}
        for printed in sorted(self.folder.glob("turn-*.out")):
            for line in printed.read_text(errors="replace").split("\n")[:-1]:
                if line.startswith('{"seq":') and json.loads(line)["hash"] not in written:
                    self.say(f"{printed.name} shows a record that is not in the journal: {line[:120]}")

    def secrets_are_nowhere(self):
        forms = secret_forms(self.facts.get("secret"))
        for path in [*self.folder.glob("turn-*"), *(self.folder / "state").rglob("*")]:
            if forms and path.is_file():
                data = path.read_bytes()
                for form in forms:
                    if form in data:
                        self.say(f"{path.relative_to(self.folder)} holds the secret as {form.decode()}")


def secret_forms(secret):
    if not secret:
        return []
    forms = {secret, urllib.parse.quote(secret, safe=""), json.dumps(secret)[1:-1]}
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + secret.encode()).decode()
        # The first and the last digits depend on what stands beside it.
        forms.add(encoded[(0, 2, 3)[shift] :].rstrip("=")[:-1])
    return [form.encode() for form in forms]


if __name__ == "__main__":
    wrong = Check(sys.argv[1]).everything()
    print("\n".join(wrong) or "the witness and the journal agree")
    sys.exit(1 if wrong else 0)
