-- What a delivery that was cut needs to go on, as its destination wrote it; null for nothing.
ALTER TABLE deliveries ADD COLUMN resume TEXT CHECK (resume IS NULL OR json_valid(resume));

-- What was found out about a destination, such as how many deliveries it takes at once.
CREATE TABLE destinations (
    name TEXT PRIMARY KEY,
    pace TEXT NOT NULL CHECK (json_valid(pace)),
    updated REAL NOT NULL
) STRICT, WITHOUT ROWID;
