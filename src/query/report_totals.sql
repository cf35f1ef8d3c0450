-- How many policies and failure details one report has.
SELECT (SELECT count(*) FROM policy WHERE day = $day AND report = $uuid::UUID),
       (SELECT count(*) FROM failure WHERE day = $day AND report = $uuid::UUID)
