"""The database schema as an append-only list of named migrations.

A migration that has shipped is never edited; a change is a new one at the end. Each runs once, in
order, inside a transaction, and its name is kept in table `migrations`.
"""

from __future__ import annotations

MIGRATIONS: list[tuple[str, str]] = [
    (
        "0001_first",
        """
        -- How far each log file has been read. `head` is the hash of its first bytes: a file that was
        -- rotated or replaced under the same name is told apart from one that grew.
        CREATE TABLE log_files (
            path TEXT PRIMARY KEY,
            head TEXT NOT NULL,
            offset INTEGER NOT NULL
        );
        -- Index of the log, one row a turn; the texts stay in the log file at (file, offset, length).
        CREATE TABLE turns (
            id TEXT PRIMARY KEY,
            at REAL NOT NULL,
            session TEXT NOT NULL,
            kind TEXT NOT NULL,
            caller TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            version TEXT NOT NULL,
            seconds REAL NOT NULL,
            reply_chars INTEGER NOT NULL,
            file TEXT NOT NULL,
            offset INTEGER NOT NULL,
            length INTEGER NOT NULL
        );
        CREATE INDEX turns_at ON turns (at);
        CREATE INDEX turns_kind ON turns (kind, at);
        -- What the owner said about a turn. kind: praise | complaint | correction | keep | drop
        CREATE TABLE feedback (
            id INTEGER PRIMARY KEY,
            turn TEXT NOT NULL,
            kind TEXT NOT NULL,
            at REAL NOT NULL,
            source TEXT NOT NULL,
            correction TEXT
        );
        CREATE INDEX feedback_turn ON feedback (turn);
        CREATE TABLE datasets (
            hash TEXT PRIMARY KEY,
            created REAL NOT NULL,
            train INTEGER NOT NULL,
            heldout INTEGER NOT NULL,
            dropped INTEGER NOT NULL
        );
        -- Which turns went into which dataset, so that forgetting can follow them.
        CREATE TABLE dataset_turns (
            dataset TEXT NOT NULL,
            turn TEXT NOT NULL,
            PRIMARY KEY (dataset, turn)
        ) WITHOUT ROWID;
        -- state: pending | running | paused | interrupted | finished | failed | cancelled
        CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            created REAL NOT NULL,
            dataset TEXT NOT NULL,
            base TEXT NOT NULL,
            parent TEXT,
            state TEXT NOT NULL,
            step INTEGER NOT NULL DEFAULT 0,
            steps INTEGER NOT NULL DEFAULT 0,
            attempts INTEGER NOT NULL DEFAULT 0,
            reason TEXT,
            updated REAL NOT NULL
        );
        -- state: candidate | accepted | rejected | current | retired | tainted
        CREATE TABLE versions (
            name TEXT PRIMARY KEY,
            number INTEGER NOT NULL UNIQUE,
            created REAL NOT NULL,
            run TEXT NOT NULL,
            dataset TEXT NOT NULL,
            base TEXT NOT NULL,
            parent TEXT,
            state TEXT NOT NULL,
            reason TEXT
        );
        CREATE TABLE deployments (
            id INTEGER PRIMARY KEY,
            version TEXT NOT NULL,
            backend TEXT NOT NULL,
            model TEXT NOT NULL,
            digest TEXT NOT NULL,
            state TEXT NOT NULL,
            created REAL NOT NULL,
            UNIQUE (version, backend)
        );
        -- Promotions and rollbacks, newest last: the last row is the version in use ("base" or a name).
        CREATE TABLE promotions (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            version TEXT NOT NULL,
            previous TEXT NOT NULL,
            reason TEXT NOT NULL
        );
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            name TEXT NOT NULL,
            data TEXT NOT NULL
        );
        -- Mutual exclusion with expiry: a holder that died is reaped when its heartbeat is too old.
        CREATE TABLE leases (
            name TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            pid INTEGER NOT NULL,
            expires REAL NOT NULL
        );
        CREATE TABLE facts (
            key TEXT PRIMARY KEY,
            value TEXT NOT NULL
        );
        """,
    ),
    (
        "0002_log_marks",
        """
        -- Hash of what stands before `offset`: a file that was cut and grew again is told from one that grew.
        ALTER TABLE log_files ADD COLUMN tail TEXT NOT NULL DEFAULT '';
        -- Where each system text of a log file stands; its turns hold the key.
        CREATE TABLE log_systems (
            file TEXT NOT NULL,
            key TEXT NOT NULL,
            offset INTEGER NOT NULL,
            length INTEGER NOT NULL,
            PRIMARY KEY (file, key)
        ) WITHOUT ROWID;
        """,
    ),
    (
        "0003_watch",
        """
        -- What each real turn says about the model that should have answered it; no text. `tool`: 1 a valid tool
        -- call, 0 a broken one, NULL talk. `faults` is comma-separated.
        CREATE TABLE signals (
            turn TEXT PRIMARY KEY,
            at REAL NOT NULL,
            session TEXT NOT NULL,
            version TEXT NOT NULL,
            provider TEXT NOT NULL,
            failed INTEGER NOT NULL,
            faults TEXT NOT NULL,
            seconds REAL NOT NULL,
            chars INTEGER NOT NULL,
            tool INTEGER
        );
        CREATE INDEX signals_version ON signals (version, at, turn);
        CREATE INDEX signals_at ON signals (at);
        -- A candidate that answers a share of the sessions beside the model in use; `ended` NULL while it goes on.
        -- outcome: promoted | rejected | failed | stopped
        CREATE TABLE trials (
            id INTEGER PRIMARY KEY,
            version TEXT NOT NULL,
            rival TEXT NOT NULL,
            share REAL NOT NULL,
            turns INTEGER NOT NULL,
            started REAL NOT NULL,
            ended REAL,
            outcome TEXT,
            reason TEXT
        );
        -- The owner's blind choices between two models; of the question only its hash. winner: a name, or "tie".
        CREATE TABLE choices (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            question TEXT NOT NULL,
            first TEXT NOT NULL,
            second TEXT NOT NULL,
            winner TEXT NOT NULL
        );
        """,
    ),
    (
        "0004_feedback_said_in",
        """
        -- The turn in which an opinion was said, NULL when it was a command or a review. What was recognised
        -- before is recognised again by the next build, with its turn.
        ALTER TABLE feedback ADD COLUMN said_in TEXT;
        DELETE FROM feedback WHERE source = 'recognised';
        CREATE INDEX feedback_said_in ON feedback (said_in);
        """,
    ),
    (
        "0005_decisions",
        """
        -- What the schedule decided, one row a change. act: wait | start | resume | train | pause; `missing` is a JSON
        -- list of the conditions that were not met, `seen` what was observed (schedule.conditions.Observed) as JSON.
        CREATE TABLE decisions (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            act TEXT NOT NULL,
            missing TEXT NOT NULL,
            reason TEXT NOT NULL,
            seen TEXT NOT NULL
        );
        """,
    ),
    (
        "0005_turns_of_a_run",
        """
        -- How many turns that teach something there were when the run was made: what is new since is counted without
        -- a clock, which may be set. NULL: made before this column was.
        ALTER TABLE runs ADD COLUMN turns INTEGER;
        """,
    ),
    (
        "0006_causes",
        """
        -- Why, as a value of aeon_plugin_ft/causes.py; `reason` is the same for people and is never read again. NULL:
        -- unknown. This is the last place where the sentences of before are read, once for each old row.
        ALTER TABLE promotions ADD COLUMN cause TEXT;
        UPDATE promotions SET cause = CASE
            WHEN reason LIKE 'it was measured%' THEN 'better'
            WHEN reason LIKE 'it did worse with the owner%' THEN 'worse'
            WHEN reason LIKE 'its backend failed%' THEN 'backend_failed'
            WHEN reason LIKE '%could not be served%' THEN 'unserved'
            WHEN reason IN ('undone by the owner', 'rolled back by the owner') THEN 'undone'
            WHEN reason LIKE '%the owner%' OR reason = 'accepted' THEN 'owner'
        END;
        ALTER TABLE runs ADD COLUMN cause TEXT;
        UPDATE runs SET cause = CASE
            WHEN reason = 'paused by the owner' THEN 'owner_paused'
            WHEN reason = 'cancelled by the owner' THEN 'owner_cancelled'
            WHEN reason = 'stopped by the user' THEN 'owner_interrupted'
            WHEN reason = 'the owner is back' THEN 'owner_back'
            WHEN reason = 'mains power is gone' THEN 'no_mains'
            WHEN reason = 'other programs need the machine' THEN 'machine_busy'
            WHEN reason = 'memory is short' THEN 'low_memory'
            WHEN reason = 'training by itself was switched off' THEN 'switched_off'
            WHEN reason = 'Aeon is closing' THEN 'host_closing'
            WHEN reason = 'the supervising process ended' THEN 'host_gone'
            WHEN reason LIKE 'asked to end%' THEN 'terminated'
            WHEN reason LIKE 'another run took over%' THEN 'overtaken'
            WHEN reason LIKE 'there was not enough memory%' THEN 'out_of_memory'
            WHEN reason LIKE 'the training process %' THEN 'died'
            WHEN reason = 'trained on something that was forgotten since' THEN 'forgotten'
            WHEN reason = 'what it learnt from is gone' THEN 'gone'
            WHEN reason = 'a newer run has learnt more' THEN 'superseded'
            WHEN reason LIKE 'given up%' THEN 'given_up'
            WHEN state = 'failed' AND reason LIKE '% GB free and % GB are needed%' THEN 'no_space'
            WHEN state = 'failed' THEN 'broke'
        END;
        ALTER TABLE decisions ADD COLUMN cause TEXT;
        UPDATE decisions SET cause = CASE reason
            WHEN 'the owner is back' THEN 'owner_back'
            WHEN 'mains power is gone' THEN 'no_mains'
            WHEN 'other programs need the machine' THEN 'machine_busy'
            WHEN 'memory is short' THEN 'low_memory'
            WHEN 'training by itself was switched off' THEN 'switched_off'
        END;
        """,
    ),
    (
        "0007_claims",
        """
        -- What sentences say of the owner's world, one row for each time it was said; `place` is the order within the
        -- turn. turn: NULL for what the owner edited. about: of a correction, the turn that it corrects. thing: what
        -- claims must be about for one of them to be held (subject, relation, attribute, folded). source: edited |
        -- correction | owner | reply | model. ended: it is no longer so. sure: 0 to 1.
        CREATE TABLE claims (
            id INTEGER PRIMARY KEY,
            turn TEXT,
            about TEXT,
            at REAL NOT NULL,
            place INTEGER NOT NULL,
            source TEXT NOT NULL,
            thing TEXT NOT NULL,
            subject TEXT NOT NULL,
            relation TEXT NOT NULL,
            attribute TEXT NOT NULL,
            value TEXT NOT NULL,
            ended INTEGER NOT NULL,
            corrects INTEGER NOT NULL,
            sure REAL NOT NULL
        );
        CREATE INDEX claims_thing ON claims (thing);
        CREATE INDEX claims_turn ON claims (turn);
        CREATE INDEX claims_about ON claims (about) WHERE about IS NOT NULL;
        -- Turns that were read for claims, with what the owner thinks of their reply: `opinion` is a digest of it, ''
        -- for none; `disputed`: the reply was wrong, and nothing that it says is believed.
        CREATE TABLE claims_read (
            turn TEXT PRIMARY KEY,
            opinion TEXT NOT NULL DEFAULT '',
            disputed INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID;
        CREATE INDEX claims_opinions ON claims_read (turn) WHERE opinion <> '';
        -- Turns that are in the index and were not read for claims yet. Written by a trigger, in the transaction that
        -- indexes the turn: whatever reads or dies when, none is missed, and nobody looks through those of before.
        CREATE TABLE claims_due (
            id INTEGER PRIMARY KEY,
            turn TEXT NOT NULL
        );
        CREATE TRIGGER claims_due_of_turns AFTER INSERT ON turns WHEN new.kind NOT IN ('synthetic', 'command') BEGIN
            INSERT INTO claims_due (turn) VALUES (new.id);
        END;
        INSERT INTO claims_due (turn) SELECT id FROM turns WHERE kind NOT IN ('synthetic', 'command') ORDER BY at, id;
        -- Facts that the owner forgot: what was said of them up to `at` does not count. Only a keyed hash of what they
        -- were.
        CREATE TABLE claims_forgotten (
            hash TEXT PRIMARY KEY,
            at REAL NOT NULL
        ) WITHOUT ROWID;
        """,
    ),
    (
        "0008_heard",
        """
        -- The words of a turn whose reply may repeat what another one told: four bytes each, a keyed hash of a stem.
        -- Empty for a reply that nobody believes, NULL where only an older release has read the turn.
        ALTER TABLE claims_read ADD COLUMN heard BLOB;
        """,
    ),
    (
        "0009_claims_by_model",
        """
        -- Whether a local model has read the turn too, because the grammar found nothing in the owner's words.
        ALTER TABLE claims_read ADD COLUMN by_model INTEGER NOT NULL DEFAULT 0;
        """,
    ),
    (
        "0010_spoken",
        """
        -- The turn's place in the order in which things were said: no clock that is set changes it. Of what was logged
        -- before, the time, in microseconds since the epoch.
        ALTER TABLE turns ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
        UPDATE turns SET spoken = CAST(at * 1000000 AS INTEGER);
        CREATE INDEX turns_spoken ON turns (spoken, id);
        """,
    ),
    (
        "0011_forgotten_turns",
        """
        -- Turns that were forgotten: an import asks before it brings one back. Only keyed hashes, of the id and of the
        -- words.
        CREATE TABLE forgotten_turns (
            hash TEXT PRIMARY KEY
        ) WITHOUT ROWID;
        """,
    ),
    (
        "0012_opinions_anew",
        """
        -- Ordinary talk was taken for corrections and overwrote good replies. What was recognised is recognised again
        -- by the next build; beside an opinion that was given by command it stays, since what is noted later would
        -- count for the newer word.
        DELETE FROM feedback WHERE source = 'recognised'
            AND turn NOT IN (SELECT turn FROM feedback WHERE source NOT IN ('recognised', 'review'));
        -- What is to be learnt is looked for by kind, at each look of the schedule.
        CREATE INDEX feedback_kind ON feedback (kind, turn);
        """,
    ),
    (
        "0013_orders",
        """
        -- What the owner asked of a training outside of the process that runs it (the page): a running host takes it.
        -- kind: schedule.orders.OrderKind; taken: when, NULL while it waits; outcome: '' when done, else why not.
        CREATE TABLE orders (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            taken REAL,
            outcome TEXT
        );
        """,
    ),
]
