-- Prices as they would have been, had all that happened by a date happened before: raw times F(t) / F(as of). It rescales at every ex-date, so
-- it is a view and names its date; sessions after that date are left out.
CREATE MACRO main.front_adjusted(asset, as_of) AS TABLE
    SELECT instrument, session, CAST(as_of AS DATE) AS as_of,
        COLUMNS('^(open|high|low|close|vwap)$') * (factor / as_of_factor) AS 'front_\0',
        COLUMNS('^volume$') * (as_of_split_factor / split_factor) AS 'front_\0',
        * EXCLUDE (instrument, session, as_of_factor, as_of_split_factor)
    FROM query_table(asset) JOIN (
        SELECT instrument,
            arg_max(factor, session) AS as_of_factor,
            arg_max(split_factor, session) AS as_of_split_factor
        FROM query_table(asset) WHERE session <= CAST(as_of AS DATE) GROUP BY instrument
    ) USING (instrument)
    WHERE session <= CAST(as_of AS DATE);
