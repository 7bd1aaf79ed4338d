CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    inbox TEXT NOT NULL,
    path BLOB NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'running', 'parked', 'done', 'rejected', 'failed', 'duplicate', 'cancelled')),
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    received REAL NOT NULL,
    claimed INTEGER NOT NULL DEFAULT 0 CHECK (claimed IN (0, 1)),
    ready_at REAL NOT NULL DEFAULT 0,
    sha256 TEXT,
    -- The job with the same content: one that is done, or, for a parked job, one that is under way.
    duplicate_of TEXT,
    preparation TEXT CHECK (preparation IS NULL OR json_valid(preparation)),
    reading TEXT NOT NULL DEFAULT 'none' CHECK (reading IN ('none', 'pending', 'done', 'failed')),
    reading_fault TEXT CHECK (reading_fault IS NULL OR json_valid(reading_fault)),
    ending TEXT CHECK (ending IS NULL OR json_valid(ending)),
    -- Where the original of a job that was taken up again lay: the ending that it had.
    origin TEXT CHECK (origin IS NULL OR json_valid(origin)),
    cancel INTEGER NOT NULL DEFAULT 0 CHECK (cancel IN (0, 1)),
    timings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(timings)),
    updated REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- One unclaimed job for a path: a file that changes before it is claimed updates its row.
CREATE UNIQUE INDEX jobs_unclaimed ON jobs (inbox, path) WHERE claimed = 0 AND state = 'queued';
CREATE INDEX jobs_by_path ON jobs (inbox, path);
CREATE INDEX jobs_by_state ON jobs (state, inbox, id);
CREATE INDEX jobs_parked ON jobs (ready_at) WHERE state = 'parked';
CREATE INDEX jobs_by_content ON jobs (inbox, sha256) WHERE sha256 IS NOT NULL;

CREATE INDEX jobs_held ON jobs (duplicate_of) WHERE duplicate_of IS NOT NULL AND state = 'parked';

CREATE TABLE deliveries (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0,
    first_attempt_at REAL,
    next_at REAL NOT NULL DEFAULT 0,
    bytes INTEGER,
    http_status INTEGER,
    location TEXT,
    delivered_at REAL,
    response TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(response)),
    fault TEXT CHECK (fault IS NULL OR json_valid(fault)),
    PRIMARY KEY (job, destination)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX history_by_job ON history (job, id);

-- Proof that the ledger can be written, while there is nothing else to write.
CREATE TABLE heartbeat (only INTEGER PRIMARY KEY CHECK (only = 1), at REAL NOT NULL) STRICT;
