"""Random small runbooks, and what of each step is allowed: the facts that the witness's checker goes by.

A step's facts: `ways`, those in which it calls the witness (`do`, `undo0`, …); `mark`, whether it leaves one;
`idempotent`; `hook`; `hold`; `stays`, where its undo takes nothing away; `fails`, how often each way fails first."""
import json, random


def words(way, *middle):
    return ["./witness", ".", "-", way, "begin", *map(str, middle), "end"]


def inline(value):
    return json.dumps(value, ensure_ascii=False)


# Steps of steps, each with the name of the key that makes it so.
SHAPES = ("hold", "loop", "parallel", "repeat", "background", "include", "handler")


class Maker:
    """One runbook, made by chance."""

    def __init__(self, rng, name, shapes=(), table=None):
        self.rng, self.name, self.shapes, self.table = rng, name, shapes, table
        self.steps, self.text, self.files, self.number = {}, [], {}, 0
        self.parallel, self.there, self.top, self.others = False, [], [], {}
        self.returns = True

    def make(self):
        rng = self.rng
        lines = ["runbook: 1", f"name: {self.name}", "defaults: { timeout: 30s }", "secrets: { key: { env: CHAOS_SECRET } }"]
        if self.table:
            lines.append(f"targets: {{ db: {{ postgres: {inline(self.table.connection)} }} }}")
        hooks = [hook for hook in ("on_start", "on_success", "on_failure", "on_rollback", "always") if rng.random() < 0.2]
        if hooks:
            lines.append("hooks:")
        for hook in hooks:
            name = f"h{len(self.steps)}"
            self.steps[f"{hook}/{name}"] = {"ways": ["do"], "hook": True}
            lines.append(f"  {hook}: [{{ id: {name}, command: {inline(words('do', 1))} }}]")
        lines.append("steps:")
        count = rng.randint(3, 7)
        failing = rng.randrange(count) if rng.random() < 0.55 else None
        for place in range(count):
            lines += self.one(place == failing)
        self.text = "\n".join(lines) + "\n"
        secret = f"p@ss/w+rd=\"{rng.randrange(10**12):012}\" \\ü"
        return {
            "steps": self.steps,
            "files": self.files,
            "secret": secret,
            "parallel": self.parallel,
            "there": self.there,
            "top": self.top,
        }

    def one(self, fails):
        rng = self.rng
        kinds = ["command"] * 5 + ["shell"] * 3 + ["file"] * 2 + ["wait", "confirm", "manual", "assert"]
        kinds += ["sql"] * 8 if self.table else []
        kinds += [shape for shape in self.shapes for _ in range(3)]
        kind = "command" if fails else rng.choice(kinds)
        self.number += 1
        if kind not in SHAPES:
            self.top.append(f"s{self.number}")
        return getattr(self, f"a_{kind}")(f"s{self.number}", *([True] if fails else []))

    def a_command(self, name, fails=False):
        rng = self.rng
        facts = self.steps[name] = {"ways": ["do"], "mark": True}
        checked = not fails and rng.random() < 0.4
        idempotent = rng.random() < 0.35
        facts["idempotent"] = idempotent
        most = rng.choice((1, 1, 2, 99)) if fails else 0
        facts["fails"] = {"do": most}
        # One in five that fail is ended by its limit, in the middle of what it does.
        overdue = fails and rng.random() < 0.2
        slow = 1500 if overdue else rng.choice((0, 1, 3, 10, 25))
        action = words("do", slow, "make") + ([f"fail={most}"] if fails else [])
        lines = [f"  - id: {name}", f"    command: {inline(action)}"]
        if checked:
            lines.append('    check: { command: [./witness, ., "-", do, is] }')
            if rng.random() < 0.2:
                self.there.append(name)
        elif rng.random() < 0.3:
            lines.append('    verify: { command: [./witness, ., "-", do, is] }')
        if idempotent:
            lines.append("    idempotent: true")
            if rng.random() < 0.5:
                lines.append("    retry: { max_attempts: 2, delay: 1ms }")
        if overdue:
            lines.append("    timeout: 80ms")
        if fails:
            lines.append(f"    on_failure: {rng.choice(('rollback', 'rollback', 'stop', 'continue', 'ask'))}")
        return lines + self.way_back(name, facts)

    def a_shell(self, name):
        rng = self.rng
        facts = self.steps[name] = {"ways": ["do"], "mark": True}
        lines = [f"  - id: {name}", "    shell: |", "      ./witness . - 'do' begin"]
        lines.append("      printf %s \"${KEY:0:5}\"; printf %s \"${KEY:5}\"; printf %s \"$KEY\" | base64 >&2")
        lines += ["      ./witness . - 'do' make end", '    env: { KEY: "{{ secrets.key }}" }']
        if rng.random() < 0.5:
            lines.append('    check: { command: [./witness, ., "-", do, is] }')
        elif rng.random() < 0.5:
            facts["idempotent"] = True
            lines.append("    idempotent: true")
        return lines + self.way_back(name, facts)

    def way_back(self, name, facts):
        rng = self.rng
        chance = rng.random()
        if chance < 0.08:
            facts["stays"] = True
            return ["    rollback: { not_needed: nothing is left }"]
        if chance < 0.12:
            facts["stays"] = True
            return ["    irreversible: it cannot be undone"]
        if chance < 0.16 and self.returns:
            facts["stays"], self.returns = True, False
            return ["    point_of_no_return: from here on forward"]
        parts = 2 if rng.random() < 0.2 else 1
        fails = rng.random() < 0.12
        lines = ["    rollback:"]
        for part in range(parts):
            way = f"undo{part}"
            facts["ways"].append(way)
            fail = ["fail=1"] if fails and part == 0 else []
            facts.setdefault("fails", {})[way] = len(fail)
            lines.append(f"      - command: {inline(words(way, rng.choice((0, 1, 4)), 'take') + fail)}")
        return lines

    def a_file(self, name):
        rng = self.rng
        path, before, after = f"file.{name}", rng.choice((None, "old\n" * 3)), "new\n" * 5
        self.files[path] = {"step": name, "before": before, "after": after}
        self.steps[name] = {"ways": []}
        reload = f", reload: {inline(words('reload'))}" if rng.random() < 0.5 else ""
        lines = [f"  - id: {name}", f"    file: {{ path: {path}, content: {inline(after)}{reload} }}"]
        if rng.random() < 0.3:
            self.steps[name]["ways"].append("undo1")
            lines.append(f"    rollback: {{ command: {inline(words('undo1', 1))} }}")
        return lines

    def a_wait(self, name):
        self.steps[name] = {"idempotent": True}
        return [f"  - {{ id: {name}, wait: 2ms }}"]

    def a_confirm(self, name):
        self.steps[name] = {"idempotent": True}
        return [f"  - {{ id: {name}, confirm: {{ message: Go on? }}, estimate: 1s }}"]

    def a_manual(self, name):
        self.steps[name] = {}
        return [f"  - {{ id: {name}, manual: {{ instructions: Call the desk. }}, estimate: 1m, rollback: {{ not_needed: a call }} }}"]

    def a_assert(self, name):
        self.steps[name] = {"idempotent": True}
        return [f"  - {{ id: {name}, assert: [{{ that: 1 == 1 }}] }}"]

    def a_sql(self, name):
        rng, table = self.rng, self.table.name
        self.steps[name] = {"sql": True}
        slow = rng.choice(("", "; select pg_sleep(0.003)", "; select pg_sleep(0.02)"))
        lines = [f"  - id: {name}", f"    sql: insert into {table} values ('{name}'){slow}", "    target: db"]
        if rng.random() < 0.6:
            lines.append(f"    check: {{ query: \"select count(*) > 0 from {table} where step = '{name}'\" }}")
        lines.append(f"    rollback: {{ sql: \"delete from {table} where step = '{name}'\" }}")
        return lines

    # Shapes: steps of steps.

    def members(self, count, **facts):
        """Plain steps within a shape, indented under its `steps:`."""
        lines = ["    steps:"]
        for _ in range(count):
            self.number += 1
            name = f"s{self.number}"
            returns, self.returns = self.returns, False
            lines += ["    " + line for line in self.a_command(name)]
            self.returns = returns
            self.steps[name].update(facts)
        return lines

    def a_hold(self, name):
        for half in ("acquire", "release"):
            self.steps[f"{name}.{half}"] = {"ways": ["do"], "hold": name}
        halves = ", ".join(f"{half}: {{ command: {inline(words('do', 1))} }}" for half in ("acquire", "release"))
        return [f"  - id: {name}", f"    hold: {{ {halves} }}", *self.members(self.rng.randint(1, 3), held=name)]

    def a_loop(self, name):
        serial = self.rng.choice((1, 1, 2, 3))
        self.parallel |= serial > 1
        items = inline(["a", "b-1", "c"][: self.rng.randint(2, 3)])
        return [f"  - id: {name}", f"    for_each: {items}", f"    serial: {serial}", *self.members(self.rng.randint(1, 2))]

    def a_parallel(self, name):
        self.parallel = True
        return [f"  - id: {name}", f"    parallel: {self.rng.randint(2, 3)}", *self.members(self.rng.randint(2, 4))]

    def a_repeat(self, name):
        lines = self.a_command(name)
        self.steps[name]["repeats"] = True
        return [line for line in lines if "retry" not in line and "check:" not in line] + ["    repeat: { max: 3, delay: 1ms }"]

    def a_background(self, name):
        self.parallel = True
        lines = self.a_command(name) + ["    background: true"]
        self.number += 1
        lines += self.a_command(f"s{self.number}")
        self.steps[f"{name}-over"] = {"idempotent": True}
        return lines + [f"  - {{ id: {name}-over, wait: {{ for: [{name}] }}, timeout: 20s }}"]

    def a_include(self, name):
        inner = ["runbook: 1", f"name: {name}", "defaults: { timeout: 30s }", *(line[4:] if line != "    steps:" else "steps:" for line in self.members(self.rng.randint(1, 2)))]
        self.others[f"{name}.yaml"] = "\n".join(inner) + "\n"
        return [f"  - {{ id: {name}, runbook: {{ path: {name}.yaml }} }}"]

    def a_handler(self, name):
        lines = self.a_command(name, True)
        self.number += 1
        helper = f"s{self.number}"
        # Named by its place in the journal. Like a hook it belongs to a turn, and each failure has its own.
        self.steps[f"{name}.failure1"] = {"ways": ["do"], "hook": True}
        then = self.rng.choice(("rollback", "stop", "continue", "retry"))
        do = f"{{ id: {helper}, command: {inline(words('do', 1))} }}"
        return [line for line in lines if "on_failure" not in line] + ["    on_failure:", f"      do: [{do}]", f"      then: {then}"]
