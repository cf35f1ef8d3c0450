-- What the filter suggests: `key_column` is put in by the question. Text that nobody could read in a list, and that
-- would make the page large, is left out.
SELECT key_column, count(*) AS policies
FROM policy
WHERE day BETWEEN $previous_first_day AND $last_day AND length(key_column) BETWEEN 1 AND 100
GROUP BY key_column
ORDER BY policies DESC, key_column
LIMIT 100
