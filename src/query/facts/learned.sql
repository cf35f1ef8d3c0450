-- Of how many days any report is stored.
SELECT count(DISTINCT day) FROM report WHERE day <= last_day_of_all AND /* credible */ AND /* known then */
