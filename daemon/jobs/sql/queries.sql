-- Every statement of the ledger. A name, then the statement up to the next name.

-- name: admit
-- A settled file becomes a job, unless this very file is already on its way. A file that changed
-- before it was claimed keeps its job and gets its new identity. The number of its device is no
-- part of that: it may be another one whenever the disk is mounted.
INSERT INTO jobs (id, inbox, path, name, state, device, inode, size, modified_ns, received, timings, updated)
SELECT :id, :inbox, :path, :name, 'queued', :device, :inode, :size, :modified_ns, :now, :timings, :now
WHERE NOT EXISTS (
    SELECT 1 FROM jobs
    WHERE inbox = :inbox AND path = :path
      AND inode = :inode AND size = :size AND modified_ns = :modified_ns
      AND (:keep OR state IN ('running', 'parked') OR (state = 'queued' AND claimed = 1))
)
ON CONFLICT (inbox, path) WHERE claimed = 0 AND state = 'queued' DO UPDATE SET
    device = excluded.device, inode = excluded.inode, size = excluded.size,
    modified_ns = excluded.modified_ns, ready_at = 0, updated = excluded.updated
WHERE inode <> excluded.inode OR size <> excluded.size
   OR modified_ns <> excluded.modified_ns OR ready_at > 0
RETURNING id, inbox, name;

-- name: ready
-- The oldest jobs of one inbox that may run now. A time beyond the horizon, further ahead than any
-- wait is long, was noted before the clock was set back.
SELECT id FROM (
    SELECT id FROM jobs WHERE state = 'queued' AND inbox = :inbox
      AND (ready_at <= :now OR ready_at > :horizon)
      AND (NOT :only_prepared OR preparation IS NOT NULL OR cancel = 1)
    ORDER BY id LIMIT :limit
)
UNION ALL
SELECT id FROM (
    SELECT id FROM jobs WHERE state = 'parked' AND inbox = :inbox
      AND (ready_at <= :now OR ready_at > :horizon OR cancel = 1)
      AND (NOT :only_prepared OR preparation IS NOT NULL OR cancel = 1)
    ORDER BY ready_at LIMIT :limit
)
ORDER BY id LIMIT :limit;

-- name: run
-- A job that was held is judged anew; until then it waits for nobody.
UPDATE jobs SET state = 'running', claimed = 1, updated = :now,
    duplicate_of = CASE WHEN preparation IS NULL THEN NULL ELSE duplicate_of END
WHERE id = :id AND state IN ('queued', 'parked');

-- name: next_ready_at
-- When the next waiting job becomes ready, or null.
SELECT min(ready_at) FROM (
    SELECT min(ready_at) AS ready_at FROM jobs WHERE state = 'parked'
    UNION ALL
    SELECT min(ready_at) FROM jobs WHERE state = 'queued' AND ready_at > 0
);

-- name: prepared
UPDATE jobs SET preparation = :preparation, sha256 = :sha256, duplicate_of = :duplicate_of,
    reading = :reading, updated = :now
WHERE id = :id;

-- name: same_content
-- A sibling that has delivered this content, or that is about to.
SELECT id, state FROM jobs
WHERE inbox = :inbox AND sha256 = :sha256 AND id <> :id AND duplicate_of IS NULL
  AND state IN ('queued', 'running', 'parked', 'done')
ORDER BY state = 'done' DESC, id LIMIT 1;

-- name: hold
UPDATE jobs SET duplicate_of = :other, updated = :now WHERE id = :id;

-- name: released
-- Whether the job that this one is held for has ended.
SELECT 1 FROM jobs AS held JOIN jobs AS other ON other.id = held.duplicate_of
WHERE held.id = :id AND held.preparation IS NULL
  AND other.state NOT IN ('queued', 'running', 'parked');

-- name: release_held
-- What waited for a job with the same content is looked at again when that one has ended.
UPDATE jobs SET ready_at = :now WHERE duplicate_of = :id AND state = 'parked';

-- name: add_delivery
INSERT INTO deliveries (job, destination, state) VALUES (:job, :destination, 'pending')
ON CONFLICT (job, destination) DO NOTHING;

-- name: set_delivery
-- What was delivered has nothing left to go on with.
UPDATE deliveries SET resume = CASE WHEN :state = 'delivered' THEN NULL ELSE resume END,
    state = :state, attempts = :attempts, runs = :runs,
    first_attempt_at = :first_attempt_at, next_at = :next_at, bytes = :bytes,
    http_status = :http_status, location = :location, delivered_at = :delivered_at,
    response = :response, fault = :fault
WHERE job = :job AND destination = :destination;

-- name: set_resume
UPDATE deliveries SET resume = :resume
WHERE job = :job AND destination = :destination AND state <> 'delivered';

-- name: resume
SELECT resume FROM deliveries WHERE job = :job AND destination = :destination;

-- name: set_pace
INSERT INTO destinations (name, pace, updated) VALUES (:destination, :pace, :now)
ON CONFLICT (name) DO UPDATE SET pace = excluded.pace, updated = excluded.updated;

-- name: pace
SELECT pace FROM destinations WHERE name = :destination;

-- name: set_reading
UPDATE jobs SET reading = :reading, reading_fault = :fault, updated = :now
WHERE id = :id;

-- name: set_ending
UPDATE jobs SET ending = :ending, timings = :timings, updated = :now WHERE id = :id;

-- name: close
-- Only a running job ends; anything else is an illegal transition.
UPDATE jobs SET state = :state, ready_at = 0, updated = :now WHERE id = :id AND state = 'running';

-- name: set_state
UPDATE jobs SET state = :state, ready_at = :ready_at, updated = :now WHERE id = :id;

-- name: unclaim
UPDATE jobs SET state = 'queued', claimed = 0, ready_at = :ready_at, updated = :now WHERE id = :id;

-- name: unclaimed_rival
-- Another job for what lies at a path now: one in the queue, or any that is newer.
SELECT id FROM jobs
WHERE inbox = :inbox AND path = :path AND id <> :id
  AND (id > :id OR (claimed = 0 AND state = 'queued'))
LIMIT 1;

-- name: recover
-- After a start nothing is running: what was goes back to the queue, its results kept.
UPDATE jobs SET state = 'queued', ready_at = 0, updated = :now WHERE state = 'running';

-- name: wake_deliveries
-- A destination answers again: what it gave no answer to is due now.
UPDATE deliveries SET next_at = 0
WHERE destination = :destination AND state = 'pending' AND next_at > :now AND http_status IS NULL;

-- name: wake_parked
UPDATE jobs SET ready_at = :now WHERE state = 'parked' AND ready_at > :now AND id IN
    (SELECT job FROM deliveries
     WHERE destination = :destination AND state = 'pending' AND next_at = 0);

-- name: take_up
-- The verdict is forgotten too: the file is claimed from where it lies and judged by today's rules.
UPDATE jobs SET state = 'queued', claimed = 1, cancel = 0, ready_at = 0,
    origin = coalesce(ending, origin), ending = NULL,
    preparation = NULL, sha256 = NULL, duplicate_of = NULL,
    reading = 'none', reading_fault = NULL, updated = :now
WHERE id = :id;

-- name: reset_deliveries
UPDATE deliveries SET state = 'pending', attempts = 0, runs = 0, first_attempt_at = NULL,
    next_at = 0, fault = NULL
WHERE job = :job AND state <> 'delivered';

-- name: request_cancel
UPDATE jobs SET cancel = 1, updated = :now WHERE id = :id;

-- name: judge_anew
-- Of a job that was found in a damaged ledger the verdict may be older than its deliveries.
UPDATE jobs SET state = 'queued', ready_at = 0, preparation = NULL, sha256 = NULL,
    duplicate_of = NULL, reading = 'none', reading_fault = NULL
WHERE state IN ('queued', 'running', 'parked') AND ending IS NULL;

-- name: restore
-- A job as the folders tell of it; one that has ended by the ledger's own account stays so.
INSERT INTO jobs (id, inbox, path, name, state, device, inode, size, modified_ns, received,
    claimed, sha256, preparation, reading, reading_fault, ending, timings, updated)
VALUES (:id, :inbox, :path, :name, :state, :device, :inode, :size, :modified_ns, :received,
    1, :sha256, :preparation, :reading, :reading_fault, :ending, :timings, :now)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, claimed = 1, ready_at = 0, sha256 = excluded.sha256,
    duplicate_of = NULL, preparation = excluded.preparation, reading = excluded.reading,
    reading_fault = excluded.reading_fault, ending = excluded.ending,
    timings = excluded.timings, updated = excluded.updated
WHERE state IN ('queued', 'running', 'parked');

-- name: last_beat
SELECT max(at) FROM heartbeat;

-- name: jobs_by_ids
SELECT * FROM jobs WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- name: deliveries_by_ids
SELECT * FROM deliveries WHERE job IN (SELECT value FROM json_each(:ids)) ORDER BY job, destination;

-- name: list
SELECT * FROM jobs WHERE (:state IS NULL OR state = :state) ORDER BY id DESC LIMIT :limit;

-- name: unfinished
SELECT * FROM jobs WHERE state IN ('queued', 'running', 'parked') AND id > :after
ORDER BY id LIMIT :limit;

-- name: by_id_prefix
SELECT id FROM jobs WHERE id >= :prefix AND id < :prefix || 'g' ORDER BY id LIMIT 10;

-- name: by_path
SELECT id FROM jobs WHERE path = :path ORDER BY id DESC LIMIT 10;

-- name: by_name
SELECT id FROM jobs WHERE name = :name ORDER BY id DESC LIMIT 10;

-- name: by_name_in_folder
-- Reads all jobs, so it is asked last.
SELECT id FROM jobs WHERE substr(name, -length(:ending)) = :ending ORDER BY id DESC LIMIT 10;

-- name: by_place
SELECT id FROM jobs WHERE inbox = :inbox AND path = :path ORDER BY id DESC LIMIT 10;

-- name: counts
SELECT inbox, state, count(*) AS number FROM jobs GROUP BY inbox, state;

-- name: oldest_waiting
SELECT id, inbox, name, received FROM jobs WHERE state IN ('queued', 'parked')
ORDER BY received LIMIT 1;

-- name: ended
SELECT * FROM jobs WHERE state IN ('done', 'rejected', 'failed', 'duplicate', 'cancelled')
    AND id > :after
ORDER BY id LIMIT :limit;

-- name: add_history
INSERT INTO history (job, at, event, detail) VALUES (?, ?, ?, ?);

-- name: history
SELECT at, event, detail FROM history WHERE job = :job ORDER BY id;

-- name: beat
INSERT INTO heartbeat (only, at) VALUES (1, :now) ON CONFLICT (only) DO UPDATE SET at = :now;
