"""Verifies a journal from the description of its records alone: python3 verify_journal.py JOURNAL [SEQ HASH]"""
import hashlib, json, sys

class Raw(str): """A number with a fraction or an exponent, kept as it was written."""

def unique(pairs):
    if len(dict(pairs)) < len(pairs): raise ValueError("a key is there twice")
    return dict(pairs)

def encode(value):
    if isinstance(value, Raw): return str(value)
    if isinstance(value, list): return "[" + ",".join(map(encode, value)) + "]"
    if isinstance(value, dict): return "{" + ",".join(f"{encode(k)}:{encode(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)

def check(line, number, last):
    record = json.loads(line.decode("utf-8"), object_pairs_hook=unique, parse_float=Raw)
    if encode(record).encode() != line: raise ValueError("it is not compact JSON")
    keys = list(record)
    if keys[:7] != ["seq", "at", "run", "epoch", "actor", "host", "event"] or keys[-2:] != ["prev", "hash"]:
        raise ValueError("its keys are in another order")
    if hashlib.sha256(line[:-75]).hexdigest() != record["hash"]: raise ValueError("its hash does not match its bytes")
    if record["seq"] != number or record["prev"] != (last and last["hash"]): raise ValueError("it does not follow")
    if last and record["run"] != last["run"]: raise ValueError("it belongs to another run")
    if record["epoch"] < (last["epoch"] if last else 1): raise ValueError("its epoch fell")
    if (record["event"] == "run_started") != (number == 1): raise ValueError("a run starts once, first")
    return record

lines, last, anchor = open(sys.argv[1], "rb").read().split(b"\n"), None, sys.argv[2:]
for number, line in enumerate(lines[:-1], 1):
    try:
        last = check(line, number, last)
        if anchor and number == int(anchor[0]) and last["hash"] != anchor[1]: raise ValueError("its anchor differs")
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"record {number}: {error}")
if anchor and int(anchor[0]) >= len(lines): sys.exit("the anchored record is missing")
print(f"{len(lines) - 1} records, {len(lines[-1])} bytes of a torn last line")
