-- What there is to choose from in the filter: `key_column` and `name_column` are put in by the question.
SELECT key_column, any_value(name_column), count(*) AS policies
FROM policy
WHERE day BETWEEN $previous_first_day AND $last_day
GROUP BY key_column
ORDER BY policies DESC, key_column
LIMIT 200
