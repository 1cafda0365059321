-- One file holds any number of studies. A study is written once as a plan, then grows by what is seen.
-- A stage is a tile of the plan: runs that are trained together, to the end. What its runs recorded up to `stop` is there
-- whole, and `checkpoint` goes on from there: that is all a resume needs.

CREATE TABLE IF NOT EXISTS studies (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,                -- compare, train, tune
  created TEXT NOT NULL,             -- ISO 8601
  status TEXT NOT NULL,              -- running, done, interrupted, failed
  seconds REAL NOT NULL DEFAULT 0,
  trainer TEXT NOT NULL DEFAULT '',  -- the one that was used
  facts TEXT NOT NULL,               -- JSON
  environment TEXT NOT NULL,         -- JSON: versions, machine
  plan TEXT NOT NULL DEFAULT ''      -- JSON: which runs are trained together, and how; '' until there is one
);

CREATE TABLE IF NOT EXISTS runs (
  study INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  run INTEGER NOT NULL,
  recipe TEXT NOT NULL,              -- JSON
  seed INTEGER NOT NULL,
  key TEXT NOT NULL,                 -- names the run's content: task, data, recipe, seed, horizon
  status TEXT NOT NULL,              -- planned, running, paused, done, diverged, failed
  diverged INTEGER,                  -- step
  seconds REAL NOT NULL DEFAULT 0,
  final TEXT NOT NULL DEFAULT '{}',  -- JSON: on the test set
  PRIMARY KEY (study, run)
);

CREATE TABLE IF NOT EXISTS stages (
  study INTEGER NOT NULL,
  stage INTEGER NOT NULL,            -- the tile's number
  parent INTEGER,                    -- the stage it was forked from: none yet
  start INTEGER NOT NULL,            -- first update
  stop INTEGER NOT NULL,             -- the step that `checkpoint` goes on from; 0 where it starts over
  status TEXT NOT NULL,              -- planned, running, done
  checkpoint TEXT,                   -- a file in the folder of checkpoints, named by its content
  PRIMARY KEY (study, stage),
  FOREIGN KEY (study) REFERENCES studies (id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS stage_runs (
  study INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (study, stage, run),
  FOREIGN KEY (study, stage) REFERENCES stages (study, stage) ON DELETE CASCADE,
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS observations (
  study INTEGER NOT NULL,
  run INTEGER NOT NULL,
  step INTEGER NOT NULL,
  seen TEXT NOT NULL,                -- JSON: name -> value
  PRIMARY KEY (study, run, step),
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS losses (
  study INTEGER NOT NULL,
  run INTEGER NOT NULL,
  start INTEGER NOT NULL,            -- the update of the first value
  seen BLOB NOT NULL,                -- float32, little-endian, one an update
  PRIMARY KEY (study, run, start),
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS notes (
  study INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  note TEXT NOT NULL
);

-- Runs of a search that stopped before the end of their horizon, and what they can be gone on with.
CREATE TABLE IF NOT EXISTS states (
  study INTEGER NOT NULL,
  run INTEGER NOT NULL,
  step INTEGER NOT NULL,             -- updates made
  checkpoint TEXT,                   -- a file that holds the run's row, maybe with others; NULL: it goes no further
  PRIMARY KEY (study, run),
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
);
