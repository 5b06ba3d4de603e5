//! The words that classification knows.

use super::word_index::{Folded, WordIndex};

macro_rules! keywords {
    ($($name:ident $text:literal),* $(,)?) => {
        /// A word that classification knows; whether it is reserved depends on the server.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is the word that it is named after")]
        pub enum Keyword {
            /// Any other word.
            None,
            $($name),*
        }

        const TEXTS: &[&str] = &[$($text),*];
        const ALL: &[Keyword] = &[$(Keyword::$name),*];
    };
}

keywords! {
    Action "ACTION", After "AFTER", Aggregate "AGGREGATE", All "ALL", Alter "ALTER", Analyze "ANALYZE", And "AND",
    Any "ANY", As "AS", Asc "ASC", Backup "BACKUP", Begin "BEGIN", Between "BETWEEN", Binary "BINARY",
    Binlog "BINLOG", Body "BODY", By "BY", Cache "CACHE", Call "CALL", Case "CASE", Chain "CHAIN", Change "CHANGE",
    Character "CHARACTER", Charset "CHARSET", Check "CHECK", Checksum "CHECKSUM", Clone "CLONE", Collate "COLLATE",
    Commit "COMMIT", Committed "COMMITTED", Concurrent "CONCURRENT", Connection "CONNECTION",
    ConnectionId "CONNECTION_ID", Consistent "CONSISTENT", Continue "CONTINUE", Count "COUNT", Create "CREATE",
    Current "CURRENT", Data "DATA", Database "DATABASE", Databases "DATABASES", Deallocate "DEALLOCATE",
    Decimal "DECIMAL", Declare "DECLARE", Default "DEFAULT", Definer "DEFINER", Delayed "DELAYED", Delete "DELETE",
    Desc "DESC", Describe "DESCRIBE", Deterministic "DETERMINISTIC", Diagnostics "DIAGNOSTICS", Distinct "DISTINCT",
    Distinctrow "DISTINCTROW", Div "DIV", Do "DO", Drop "DROP", Dual "DUAL", Dumpfile "DUMPFILE", Else "ELSE",
    End "END", Errors "ERRORS", Event "EVENT", Except "EXCEPT", Execute "EXECUTE", Exists "EXISTS", Exit "EXIT", Explain "EXPLAIN",
    Export "EXPORT", Extended "EXTENDED", Fetch "FETCH", Float "FLOAT", Flush "FLUSH", For "FOR", Force "FORCE",
    Foreign "FOREIGN", Format "FORMAT", From "FROM", Function "FUNCTION", Get "GET", Global "GLOBAL", Grant "GRANT",
    Group "GROUP", Handler "HANDLER", Hard "HARD", Having "HAVING", Help "HELP", HighPriority "HIGH_PRIORITY",
    Identified "IDENTIFIED", If "IF", Ignore "IGNORE", Immediate "IMMEDIATE", Import "IMPORT", In "IN", Index "INDEX",
    Infile "INFILE", Insert "INSERT", Install "INSTALL", Instance "INSTANCE", Int "INT", Intersect "INTERSECT", Interval "INTERVAL",
    Into "INTO", Is "IS", Isolation "ISOLATION", Join "JOIN", Key "KEY", Keys "KEYS", Kill "KILL", Level "LEVEL",
    Like "LIKE", Limit "LIMIT", Load "LOAD", Local "LOCAL", Lock "LOCK", Loop "LOOP", LowPriority "LOW_PRIORITY",
    Master "MASTER", Match "MATCH", Member "MEMBER", Mode "MODE", Names "NAMES", Natural "NATURAL", New "NEW",
    Next "NEXT", No "NO", Not "NOT", Nowait "NOWAIT", Null "NULL", Of "OF", Offset "OFFSET", Old "OLD", On "ON",
    Only "ONLY", Optimize "OPTIMIZE", Or "OR", Order "ORDER", Outfile "OUTFILE", Over "OVER", Package "PACKAGE",
    Partition "PARTITION", Partitions "PARTITIONS", Password "PASSWORD", Persist "PERSIST",
    PersistOnly "PERSIST_ONLY", Prepare "PREPARE", Previous "PREVIOUS", Primary "PRIMARY", Procedure "PROCEDURE",
    Profile "PROFILE", Profiles "PROFILES", Purge "PURGE", Query "QUERY", Quick "QUICK", Read "READ",
    Recursive "RECURSIVE", References "REFERENCES", Regexp "REGEXP", Release "RELEASE", Rename "RENAME",
    Repair "REPAIR", Repeat "REPEAT", Replace "REPLACE", Replica "REPLICA", Reset "RESET", Resignal "RESIGNAL",
    Resource "RESOURCE", Restart "RESTART", Return "RETURN", Returning "RETURNING", Revoke "REVOKE", Rlike "RLIKE",
    Role "ROLE", Rollback "ROLLBACK", Row "ROW", Savepoint "SAVEPOINT", Schema "SCHEMA", Schemas "SCHEMAS",
    Select "SELECT", Sequence "SEQUENCE", Serializable "SERIALIZABLE", Session "SESSION", Set "SET", Share "SHARE",
    Show "SHOW", Shutdown "SHUTDOWN", Signal "SIGNAL", Skip "SKIP", Slave "SLAVE", Snapshot "SNAPSHOT", Soft "SOFT",
    Spatial "SPATIAL", SqlCalcFoundRows "SQL_CALC_FOUND_ROWS", Stage "STAGE", Start "START", Statement "STATEMENT",
    Stop "STOP", StraightJoin "STRAIGHT_JOIN", Table "TABLE", Tables "TABLES", Temporary "TEMPORARY", Then "THEN",
    To "TO", Transaction "TRANSACTION", Trigger "TRIGGER", Truncate "TRUNCATE", Undo "UNDO", Uninstall "UNINSTALL",
    Union "UNION", Unique "UNIQUE", Unlock "UNLOCK", Update "UPDATE", Use "USE", User "USER", Using "USING",
    Value "VALUE", Values "VALUES", View "VIEW", Warnings "WARNINGS", When "WHEN", Where "WHERE", While "WHILE",
    With "WITH", Work "WORK", Write "WRITE", Xa "XA", Xml "XML", Xor "XOR",
}

static INDEX: WordIndex<512> = WordIndex::new(TEXTS);

impl Keyword {
    /// The keyword that is the first `length` bytes of `text`, which are of identifier bytes.
    pub(super) fn find(text: &[u8], length: usize) -> Self {
        let folded = Folded::begin(text, length);
        INDEX.find(TEXTS, &text[..length], folded).map_or(Self::None, |position| ALL[position])
    }

    /// Whether `(` may follow this word without making it a function's name: words reserved in every server, and
    /// which call nothing.
    pub(super) const fn is_never_a_function(self) -> bool {
        use Keyword as K;
        matches!(
            self,
            K::All
                | K::And
                | K::As
                | K::Between
                | K::Binary
                | K::By
                | K::Case
                | K::Collate
                | K::Decimal
                | K::Distinct
                | K::Distinctrow
                | K::Div
                | K::Else
                | K::Exists
                | K::Float
                | K::Foreign
                | K::From
                | K::Group
                | K::Having
                | K::In
                | K::Index
                | K::Int
                | K::Into
                | K::Is
                | K::Join
                | K::Key
                | K::Keys
                | K::Like
                | K::Limit
                | K::Match
                | K::Not
                | K::On
                | K::Or
                | K::Order
                | K::Partition
                | K::Primary
                | K::References
                | K::Regexp
                | K::Rlike
                | K::Select
                | K::Set
                | K::StraightJoin
                | K::Table
                | K::Then
                | K::Union
                | K::Unique
                | K::Update
                | K::Using
                | K::Values
                | K::When
                | K::Where
                | K::Xor
        )
    }

    /// Whether this word, reserved in every server, begins something that writes or changes state wherever it stands.
    pub(super) const fn writes(self) -> bool {
        use Keyword as K;
        matches!(
            self,
            K::Alter
                | K::Call
                | K::Create
                | K::Delete
                | K::Drop
                | K::Grant
                | K::Insert
                | K::Load
                | K::Lock
                | K::Procedure
                | K::Purge
                | K::Rename
                | K::Replace
                | K::Revoke
                | K::Unlock
                | K::Update
        )
    }
}
