-- Before that moment nobody is warned once more that a connection ends: a day after the last warning, and where a
-- grant is short from the start, not before it really comes to its end. NULL: whenever its end is near.
ALTER TABLE connections ADD COLUMN next_warning_at timestamptz;
