-- Names that say what they hold: what 0.1 called a way in is a source of reports, and who was told was notified.

ALTER TABLE way_in_count RENAME TO source_count;
ALTER TABLE alert RENAME COLUMN told_at TO notified_at;
ALTER TABLE alert_event RENAME COLUMN told TO notified;
ALTER TABLE unproven RENAME COLUMN party TO charged_to;
ALTER TABLE quarantine RENAME COLUMN party TO charged_to;

-- The rule for sources that do not work.
UPDATE alert SET rule = 'source' WHERE rule = 'way-in';
UPDATE silence SET rule = 'source' WHERE rule = 'way-in';
UPDATE outbox SET payload = replace(payload, '"rule":"way-in"', '"rule":"source"'), dedupe = replace(dedupe, 'way-in', 'source')
 WHERE contains(payload, '"way-in"');

-- An alert of which nothing was heard any more has expired.
UPDATE alert_event SET event = 'expired' WHERE event = 'lapsed';
UPDATE outbox SET payload = replace(payload, '"event":"lapsed"', '"event":"expired"') WHERE contains(payload, '"lapsed"');
