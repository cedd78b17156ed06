//! The same kernel compiled for more than one processor, chosen when the program runs.
//!
//! A kernel is safe code that the compiler turns into vector instructions. Compiled once for the target's baseline
//! and once for AVX2, it computes the same twice, so what comes out does not depend on the machine.

/// A computation worth compiling for the processor it runs on.
///
/// `run` and everything it calls are `#[inline(always)]`: what is not inlined is compiled for the baseline.
pub(crate) trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it.
    fn run(self) -> Self::Output;
}

/// The instructions a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instructions {
    // INVARIANT: true only on a processor that has AVX2, BMI1, BMI2 and LZCNT.
    has_avx2: bool,
}

impl Instructions {
    /// What every processor of the target has.
    #[cfg(test)]
    pub(crate) const BASELINE: Self = Self { has_avx2: false };

    /// The best of what this processor has.
    pub(crate) fn detected() -> Self {
        #[cfg(target_arch = "x86_64")]
        let has_avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        #[cfg(not(target_arch = "x86_64"))]
        let has_avx2 = false;
        Self { has_avx2 }
    }

    /// Runs a kernel with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if self.has_avx2 {
            // SAFETY: `has_avx2` says that the processor has these instructions.
            return unsafe { run_with_avx2(kernel) };
        }
        kernel.run()
    }
}

/// # Safety
///
/// The processor has AVX2, BMI1, BMI2 and LZCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
unsafe fn run_with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
