//! A store with many rows, written by statements and not as reports.

use std::path::Path;

use duckdb::Connection;
use tlsight::{alerts::AlertPlan, store::tables::known};

/// The last day that is reported on, a Sunday.
pub(crate) const LAST_DAY: &str = "2026-11-22";

/// How many of what. Each row of `policy` is a report of its own.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub rows: usize,
    pub days: usize,
    pub organisations: usize,
    pub domains: usize,
}

/// Writes rows in the order of their days, as they come in, one policy in fifty with failures. One domain in a hundred changed its
/// policy in the last week, and its failures are policy-fetch errors. What failed is known, as after the first evaluation of the alerts.
#[expect(clippy::disallowed_methods, reason = "ten million rows are written by one statement, not as reports")]
pub(crate) fn load(data: &Path, shape: Shape) -> duckdb::Result<()> {
    let Shape { rows, days, organisations, domains } = shape;
    let connection = Connection::open(data.join("tlsight.duckdb"))?;
    connection.execute_batch(&format!(
        "CREATE TEMP TABLE n AS
           SELECT i, md5(i::VARCHAR)::UUID AS uuid, DATE '{LAST_DAY}' - ({days} - 1 - i * {days} // {rows})::INTEGER AS day,
                  'sender' || (hash(i) % {organisations}) || '.example' AS organisation, 'domain' || (hash(i, 1) % {domains}) || '.example' AS domain,
                  hash(i, 2) % 50 = 0 AS fails
           FROM range({rows}) AS numbers(i);
         INSERT INTO report BY NAME
           SELECT uuid, uuid AS content, day, organisation AS organisation_key, organisation, i::VARCHAR AS report_id,
                  day::TIMESTAMP AS range_start, day::TIMESTAMP + INTERVAL 1 DAY AS range_end,
                  day::TIMESTAMP + INTERVAL 30 HOUR AS received_at, 'https' AS channel, 'token' AS trust, domain AS policy_domains,
                  100 AS successful, fails::INTEGER * 3 AS failed, '' AS deviations FROM n ORDER BY i;
         INSERT INTO policy BY NAME
           SELECT uuid AS report, 0 AS position, day, organisation AS organisation_key, organisation, domain AS policy_domain,
                  'sts' AS policy_type, 'token' AS trust, 'enforce' AS mode, 604800 AS max_age,
                  'version: STSv1' || CASE WHEN hash(domain) % 100 = 0 AND day >= DATE '2026-11-16' THEN chr(10) || 'mode: testing' ELSE '' END
                    AS policy_string,
                  'mx1.' || domain AS mx_hosts, 100 AS successful, fails::INTEGER * 3 AS failed, 0 AS not_itemised, 100 AS once_successful, fails::INTEGER * 3 AS once_failed
           FROM n ORDER BY i;
         INSERT INTO failure BY NAME
           SELECT uuid AS report, 0 AS policy_position, 0 AS position, day, organisation AS organisation_key, organisation,
                  domain AS policy_domain, 'sts' AS policy_type, 'token' AS trust, 'enforce' AS mode,
                  CASE WHEN hash(domain) % 100 = 0 THEN 'sts-policy-fetch-error'
                       ELSE ['certificate-expired', 'starttls-not-supported', 'validation-failure'][1 + i % 3] END AS result_type,
                  '192.0.2.' || (i % 250) AS sending_mta_ip, 'mx1.' || domain AS receiving_mx_hostname, 3 AS failed_sessions,
                  true AS counted
           FROM n WHERE fails ORDER BY i;
         INSERT INTO day_pending SELECT DISTINCT day FROM n;
         CHECKPOINT;"
    ))?;
    // As after the first evaluation.
    let now = "2026-11-23T12:00:00Z".parse().expect("a time");
    known::note_all(&connection, &AlertPlan::default(), now).expect("the failures are noted");
    Ok(())
}
