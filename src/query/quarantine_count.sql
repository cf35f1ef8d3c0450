-- How much waits for the operator.
SELECT count(*) FROM quarantine
