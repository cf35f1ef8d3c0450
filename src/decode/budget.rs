//! How many bytes may come out of a compressed body.

use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    limits::{Limits, RATIO_FREE_BYTES},
};

/// Damaged files of one archive after which the rest is not unpacked.
const DAMAGED_MAX: u64 = 8;

/// The lower of the two bounds on the unpacked size: `report_decompressed_max_bytes`, and the ratio over the received bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecodeBudget {
    bytes_max: u64,
    ratio_bytes_max: u64,
    ratio_max: u64,
    /// What came out before.
    spent: u64,
}

impl DecodeBudget {
    pub(super) fn new(received_bytes: usize, limits: &Limits) -> DecodeBudget {
        let by_ratio = (received_bytes as u64).saturating_mul(limits.report_compression_ratio_max);
        DecodeBudget {
            bytes_max: limits.report_decompressed_max_bytes as u64,
            ratio_bytes_max: by_ratio.max(RATIO_FREE_BYTES),
            ratio_max: limits.report_compression_ratio_max,
            spent: 0,
        }
    }

    /// So many bytes came out for good: what follows has the rest.
    pub(super) fn spend(&mut self, bytes: u64) {
        self.spent = self.spent.saturating_add(bytes);
    }

    /// Something came out that was damaged, nobody knows how much.
    pub(super) fn spend_on_damage(&mut self) {
        self.spend(self.bytes_max.min(self.ratio_bytes_max) / DAMAGED_MAX);
    }

    /// Says whether `bytes` unpacked so far, beside what is spent, are too many.
    pub(super) fn check(&self, bytes: u64) -> Result<(), Fault> {
        let bytes = self.spent.saturating_add(bytes);
        let detail = if bytes > self.bytes_max {
            format!("more than {} bytes came out, the bound is `report_decompressed_max_bytes`", self.bytes_max)
        } else if bytes > self.ratio_bytes_max {
            format!(
                "more than {} bytes came out for each byte received, the bound is `report_compression_ratio_max`",
                self.ratio_max
            )
        } else {
            return Ok(());
        };
        Err(Fault::new(FaultCode::TooLargeUnpacked, detail, FaultPlace::Whole))
    }
}
