//! What is said, through whichever of `log` and `defmt` is on. Arguments are plain numbers and
//! texts, so that both can print them.

#![macro_use]

macro_rules! trace {
    ($($arg:tt)*) => { say!(trace, $($arg)*) };
}

macro_rules! debug {
    ($($arg:tt)*) => { say!(debug, $($arg)*) };
}

macro_rules! warn {
    ($($arg:tt)*) => { say!(warn, $($arg)*) };
}

macro_rules! say {
    ($level:ident, $text:literal $(, $arg:expr)* $(,)?) => {{
        #[cfg(feature = "defmt")]
        ::defmt::$level!($text $(, $arg)*);
        #[cfg(feature = "log")]
        ::log::$level!($text $(, $arg)*);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        let _ = ($(&$arg,)*);
    }};
}
