-- The organisations that may be meant by what somebody typed, the best match first: its key, its whole name, a part of either.
SELECT organisation_key,
       any_value(left(organisation, 100)),
       count(*) AS reports,
       min(CASE WHEN organisation_key = lower($typed) THEN 0
                WHEN lower(organisation) = lower($typed) THEN 1
                ELSE 2 END) AS distance
FROM report
WHERE contains(organisation_key, lower($typed)) OR contains(lower(organisation), lower($typed))
GROUP BY organisation_key
ORDER BY distance, reports DESC, organisation_key
LIMIT 101
