//! How many bytes may come out of a compressed body.

use crate::{
    fault::{Fault, FaultCode, Place},
    limits::{Limits, RATIO_FREE_BYTES},
};

/// The lower of the two bounds on the unpacked size: `report_decompressed_max_bytes`, and the ratio over the received bytes.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    bytes_max: u64,
    ratio_bytes_max: u64,
    ratio_max: u64,
}

impl Budget {
    pub fn new(received_bytes: usize, limits: &Limits) -> Budget {
        let by_ratio = (received_bytes as u64).saturating_mul(limits.report_compression_ratio_max);
        Budget {
            bytes_max: limits.report_decompressed_max_bytes as u64,
            ratio_bytes_max: by_ratio.max(RATIO_FREE_BYTES),
            ratio_max: limits.report_compression_ratio_max,
        }
    }

    /// Says whether `bytes` unpacked so far are too many.
    pub fn check(&self, bytes: u64) -> Result<(), Fault> {
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
        Err(Fault::new(FaultCode::TooLargeUnpacked, detail, Place::Whole))
    }
}
