-- What the filter suggests: `key` and `rows` are put in by the question. Text that nobody could read in a list, and that
-- would make the page large, is left out.
SELECT {{key}}, sum(policies) AS policies
FROM {{rows}}
WHERE length({{key}}) BETWEEN 1 AND 100
GROUP BY {{key}}
ORDER BY policies DESC, {{key}}
LIMIT 100
