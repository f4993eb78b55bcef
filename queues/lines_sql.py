"""The statements that read the heads of lines: what is first of each kind and target, late or not.

They also order what they find, by the formula of `policy` (`EFFECTIVE`), so that only the foremost leave the
database; the rule decides among these. A line is entered through its index, never read along.
"""

from queues.prepared import Statement

MOST_OWN = 20
MOST_KEPT = 20

FIT = """
    k.id, k.queue_id, k.words, k.scarcity, {ratio} AS ratio, {level} AS level, {eased} AS eased,
    {after} AS after, {lacks} AS lacks, queue.tick, queue.exponent, queue.halving,
    power({ratio}, queue.exponent) * k.scarcity AS stretch"""

OF_AGENT = f"""
    SELECT {FIT.format(ratio="a.ratio", level="a.level", eased="a.eased", after="a.after", lacks="a.lacks")}
    FROM queues_agentkind a
    JOIN queues_kind k ON k.id = a.kind_id
    JOIN queue ON queue.id = k.queue_id
    WHERE a.agent_id = %(agent)s AND (NOT a.eased OR a.after > 0 OR NOT EXISTS (
        SELECT 1 FROM queues_agentkind b JOIN agents_agent c ON c.id = b.agent_id
        WHERE b.kind_id = k.id AND NOT b.eased AND c.presence <> 'offline'))"""  # noqa: S608 - of constants

OF_QUEUES = f"""
    SELECT {FIT.format(ratio="1::float8", level="5", eased="FALSE", after="0", lacks="'[]'::jsonb")}
    FROM queues_kind k JOIN queue ON queue.id = k.queue_id WHERE k.is_live"""  # noqa: S608 - of constants

EFFECTIVE = """
CASE WHEN {due} - {tick} >= %(savable)s THEN greatest({due} - {tick}, 3)
     ELSE 10::float8 * {target}
          * power(0.5::float8, least(greatest({tick} - {due}, 0) / ({halving} * {target}), 1000))
     END * {stretch}"""
"""`policy.minutes` times `policy.stretch`."""

SEEN = EFFECTIVE.format(
    due="c.due_tick",
    tick="mine.tick",
    target="greatest(c.target, 1)",
    halving="mine.halving",
    stretch="mine.stretch * CASE WHEN c.answered_by_id = %(agent)s"
    " THEN power(%(own)s::float8, mine.exponent) ELSE 1 END",
)
"""A conversation c of a kind that is mine, as the agent sees it."""

THERE = "c.state = 'waiting' AND c.reserved_for_id IS NULL AND NOT c.missed_by @> %(missed)s::jsonb"
WAITED = "(mine.after = 0 OR c.due_tick <= mine.tick + c.target - mine.after)"

START = """
WITH RECURSIVE
queue AS (
    SELECT * FROM unnest(%(queues)s::bigint[], %(ticks)s::bigint[], %(exponents)s::float8[],
                         %(halvings)s::float8[]) AS queue(id, tick, exponent, halving)
),
mine AS MATERIALIZED ({mine}),
"""

OLDEST_FIRST = "effective, date_trunc('second', waiting_since), id"

HEADS = f"""
early AS (
    SELECT mine.id AS kind_id, c.* FROM mine CROSS JOIN LATERAL (
        SELECT c.target, c.due_tick, c.id, c.waiting_since, c.answered_by_id FROM queues_conversation c
        WHERE c.kind_id = mine.id AND {THERE}
        ORDER BY c.target, c.due_tick, c.id LIMIT 1) c
    UNION ALL
    SELECT early.kind_id, c.* FROM early CROSS JOIN LATERAL (
        SELECT c.target, c.due_tick, c.id, c.waiting_since, c.answered_by_id FROM queues_conversation c
        WHERE c.kind_id = early.kind_id AND c.target > early.target AND {THERE}
        ORDER BY c.target, c.due_tick, c.id LIMIT 1) c
),
first AS MATERIALIZED (
    SELECT c.id, c.kind_id, c.target, c.waiting_since, c.due_tick < mine.tick + %(savable)s AS is_late,
           {SEEN} AS effective
    FROM early c JOIN mine ON mine.id = c.kind_id WHERE {WAITED}
),
most AS (
    SELECT coalesce((SELECT effective FROM first ORDER BY effective OFFSET %(lines)s - 1 LIMIT 1), 'infinity')
        AS effective, (SELECT count(*) FROM (
            SELECT FROM queues_conversation c WHERE c.answered_by_id = %(agent)s AND {THERE} LIMIT {MOST_OWN}
        ) own) < {MOST_OWN} AS has_all_own
),
second AS MATERIALIZED (
    SELECT c.id, c.kind_id, c.target, c.waiting_since, FALSE AS is_late, {SEEN} AS effective
    FROM first JOIN mine ON mine.id = first.kind_id CROSS JOIN most CROSS JOIN LATERAL (
        SELECT * FROM queues_conversation c
        WHERE c.kind_id = mine.id AND c.target = first.target AND c.due_tick >= mine.tick + %(savable)s
          AND {THERE} AND {WAITED}
        ORDER BY c.due_tick, c.id LIMIT 1) c
    WHERE first.is_late AND most.effective >= %(savable)s * mine.stretch
          * CASE WHEN has_all_own THEN 1 ELSE power(%(own)s::float8, mine.exponent) END
),
foremost AS (
    SELECT kind_id, target, is_late FROM (SELECT * FROM first UNION ALL SELECT * FROM second) head
    ORDER BY {OLDEST_FIRST} LIMIT %(lines)s
)"""  # noqa: S608 - of constants
"""`early` steps from target to target through the index, and never over the rows between: the first that is
due of each line. Where that is late, `second` looks for the first that isn't, unless all of these would come
after the foremost anyway. What the agent answered last is read apart; only when that is cut off it may be
foremost in here without being looked for."""

FIELDS = "c.id, c.due_tick, c.due_at, c.waiting_since, c.answered_by_id, c.missed_by, c.target"
MINE = "id, queue_id, words, scarcity, ratio, level, eased, after, lacks, tick"
OF_MINE = ", ".join(f"mine.{name}" for name in MINE.split(", "))

OF_LINES = f"""
SELECT {FIELDS}, {OF_MINE}, FALSE AS kept,
       (SELECT count(*) FROM first) + (SELECT count(*) FROM second) AS looked_at
FROM foremost line JOIN mine ON mine.id = line.kind_id CROSS JOIN LATERAL (
    SELECT * FROM queues_conversation c
    WHERE c.kind_id = mine.id AND c.target = line.target AND {THERE} AND {WAITED}
      AND c.due_tick >= CASE WHEN line.is_late THEN -{2**62} ELSE mine.tick + %(savable)s END
      AND c.due_tick < CASE WHEN line.is_late THEN mine.tick + %(savable)s ELSE {2**62} END
    ORDER BY c.due_tick, c.id LIMIT %(depth)s) c"""  # noqa: S608 - of constants

BESIDE = f"""
UNION ALL
SELECT {FIELDS}, {OF_MINE}, FALSE, 0 FROM (
    SELECT * FROM queues_conversation c WHERE c.answered_by_id = %(agent)s AND {THERE}
    ORDER BY c.due_tick LIMIT {MOST_OWN}
) c JOIN mine ON mine.id = c.kind_id AND {WAITED}
UNION ALL
SELECT {FIELDS},
       coalesce(mine.id, c.kind_id), queue.id, coalesce(mine.words, k.words, ''), coalesce(mine.scarcity, 1),
       coalesce(mine.ratio, 1), coalesce(mine.level, 5), FALSE, 0, '[]'::jsonb, queue.tick, TRUE, 0
FROM (
    SELECT * FROM queues_conversation c
    WHERE c.reserved_for_id = %(agent)s AND c.state = 'waiting' AND NOT c.missed_by @> %(missed)s::jsonb
    LIMIT {MOST_KEPT}
) c
JOIN queue ON queue.id = c.queue_id LEFT JOIN mine ON mine.id = c.kind_id
LEFT JOIN queues_kind k ON k.id = c.kind_id"""  # noqa: S608 - of constants

TYPES = {
    "agent": "bigint", "missed": "jsonb", "queues": "bigint[]", "ticks": "bigint[]", "exponents": "float8[]",
    "halvings": "float8[]", "savable": "int", "own": "float8", "depth": "bigint", "lines": "bigint",
}  # fmt: skip

FOR_AGENT = Statement("lines_for_agent", START.format(mine=OF_AGENT) + HEADS + OF_LINES + BESIDE, TYPES)
FOR_QUEUES = Statement("lines_for_queues", START.format(mine=OF_QUEUES) + HEADS + OF_LINES, TYPES)
