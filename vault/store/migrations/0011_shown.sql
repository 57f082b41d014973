-- When a connect flow was last handed to a chat program that opens it by itself: its retry must not open it again.
ALTER TABLE flows ADD COLUMN shown_at timestamptz;
