CREATE TABLE votes (choice text NOT NULL, voter text PRIMARY KEY);
