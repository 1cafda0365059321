-- One file holds any number of studies. A study is written once as a plan, then grows by what is seen.
-- A stage is a stretch of training that runs share; a run that shares nothing is one stage from its first step to its
-- last. A stage that is done and names a checkpoint can be continued from: that is all a resume needs.

CREATE TABLE studies (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,                -- compare, ...
  created TEXT NOT NULL,             -- ISO 8601
  status TEXT NOT NULL,              -- running, done, interrupted, failed
  seconds REAL NOT NULL DEFAULT 0,
  trainer TEXT NOT NULL DEFAULT '',  -- the one that was used
  facts TEXT NOT NULL,               -- JSON
  environment TEXT NOT NULL          -- JSON: versions, machine
);

CREATE TABLE runs (
  study INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  run INTEGER NOT NULL,
  recipe TEXT NOT NULL,              -- JSON
  seed INTEGER NOT NULL,
  key TEXT NOT NULL,                 -- names the run's content: task, data, recipe, seed, horizon
  status TEXT NOT NULL,              -- planned, running, done, diverged
  diverged INTEGER,                  -- step
  seconds REAL NOT NULL DEFAULT 0,
  final TEXT NOT NULL DEFAULT '{}',  -- JSON: on the test set
  PRIMARY KEY (study, run)
);

CREATE TABLE stages (
  study INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  parent INTEGER,                    -- the stage it was forked from
  start INTEGER NOT NULL,            -- first update
  stop INTEGER NOT NULL,             -- one past the last
  status TEXT NOT NULL,              -- planned, running, done
  checkpoint TEXT,                   -- a file beside this one, named by its content
  PRIMARY KEY (study, stage),
  FOREIGN KEY (study) REFERENCES studies (id) ON DELETE CASCADE
);

CREATE TABLE stage_runs (
  study INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (study, stage, run),
  FOREIGN KEY (study, stage) REFERENCES stages (study, stage) ON DELETE CASCADE,
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
);

CREATE TABLE observations (
  study INTEGER NOT NULL,
  run INTEGER NOT NULL,
  step INTEGER NOT NULL,
  seen TEXT NOT NULL,                -- JSON: name -> value
  PRIMARY KEY (study, run, step),
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE losses (
  study INTEGER NOT NULL,
  run INTEGER NOT NULL,
  start INTEGER NOT NULL,            -- the update of the first value
  seen BLOB NOT NULL,                -- float32, little-endian, one an update
  PRIMARY KEY (study, run, start),
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
);

CREATE TABLE notes (
  study INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  note TEXT NOT NULL
);
