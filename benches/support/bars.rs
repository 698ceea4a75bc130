//! Daily bars that no market made: the same on every machine, and per instrument the same however many others there are.
//!
//! Only additions, multiplications and roundings touch a price, so that no library's logarithm moves its last bit.

/// One day of one instrument. Prices are whole cents (the average price: hundredths of a cent), volume is in shares, whole lots of a hundred.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    pub vwap: f64,
}

/// One instrument, day by day.
#[derive(Debug, Clone)]
pub struct Instrument {
    random: u64,
    /// What the price is drawn back to.
    home: f64,
    close: f64,
    /// Shares on a usual day.
    usual: f64,
    suspended: u32,
}

impl Instrument {
    pub fn new(number: usize) -> Self {
        let mut made = Self { random: number as u64, home: 0.0, close: 0.0, usual: 0.0, suspended: 0 };
        made.home = 5.0 + 95.0 * made.uniform();
        made.usual = 1e6 + 4e7 * made.uniform() * made.uniform();
        made.close = cents(made.home);
        made
    }

    /// The next day's bar; none on the three percent of days that the instrument is suspended.
    pub fn day(&mut self) -> Option<Bar> {
        if self.suspended == 0 && self.uniform() < 1.0 / 150.0 {
            self.suspended = 1 + (8.0 * self.uniform()) as u32;
        }
        if self.suspended > 0 {
            self.suspended -= 1;
            return None;
        }
        let drift = 0.002 * (self.home / self.close - 1.0);
        let moved = (drift + 0.02 * self.normal()).clamp(-0.1, 0.1);
        let open = cents(self.close * (1.0 + 0.3 * moved + 0.004 * self.normal()));
        let close = cents(self.close * (1.0 + moved));
        let high = cents(open.max(close) * (1.0 + 0.012 * self.uniform()));
        let low = cents(open.min(close) * (1.0 - 0.012 * self.uniform()));
        let crowd = 0.3 + self.uniform() + self.uniform() * self.uniform() + 10.0 * moved.abs();
        let volume = (self.usual * crowd / 100.0).round() * 100.0;
        let vwap = ((open + high + low + close) * 2_500.0).round() / 10_000.0;
        self.close = close;
        Some(Bar { open, high, low, close, volume, vwap })
    }

    /// In [0, 1): SplitMix64's upper 53 bits.
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Near enough to the standard normal distribution: a sum of four uniform numbers.
    fn normal(&mut self) -> f64 {
        let sum = self.uniform() + self.uniform() + self.uniform() + self.uniform();
        (sum - 2.0) * 1.732
    }
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}
