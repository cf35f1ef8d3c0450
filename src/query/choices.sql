-- What the filter suggests: `key` is put in by the question. Text that nobody could read in a list, and that
-- would make the page large, is left out.
SELECT {{key}}, count(*) AS policies
FROM policy
WHERE day BETWEEN $previous_first_day AND $last_day AND length({{key}}) BETWEEN 1 AND 100
GROUP BY {{key}}
ORDER BY policies DESC, {{key}}
LIMIT 100
