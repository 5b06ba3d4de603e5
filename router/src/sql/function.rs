//! The functions that servers have built in. Whatever is not listed here may be anybody's code.
//!
//! A name that only newer servers know is listed with the version that brought it: on an older one it may be a stored
//! function. Both lists were compared with the servers' own (9.7, 10.11, 11.8) by calling each name there.

use super::byte;
use super::word_index::{Folded, WordIndex};
use super::{Flavour, Lexing};

/// What a call does besides computing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing.
    Pure,
    /// Tells of the server it runs on.
    Node,
    /// `CONNECTION_ID()`.
    ConnectionId,
    /// Tells the outcome of the previous statement.
    Previous,
    /// `LAST_INSERT_ID`: tells with no argument, sets with one.
    LastInsertId,
    /// Takes a named lock.
    TakesLock,
    /// Gives named locks back.
    ReleasesLock,
    /// Asks about what only the primary has: named locks, a sequence's last value.
    HeldByPrimary,
    /// Writes.
    Writes,
    /// Writes, and leaves what `LASTVAL` tells.
    NextValue,
}

/// How a name becomes a call of the built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Also in quotes.
    Native,
    /// A word of the grammar: in quotes it is a stored function.
    Keyword,
    /// A word of the grammar that counts only when `(` follows at once, or with IGNORE_SPACE.
    Tight,
    /// [`Form::Keyword`] in MySQL, [`Form::Tight`] in MariaDB.
    Window,
    /// [`Form::Keyword`]; in MariaDB with [`Arguments::Some`].
    Geometry,
    /// [`Form::Keyword`]; in MariaDB with [`Arguments::Two`].
    Point,
    /// [`Form::Tight`]; in MariaDB with [`Arguments::Columns`].
    Table,
    /// [`Form::Native`] in MySQL, [`Form::Keyword`] in MariaDB.
    Role,
    /// [`Form::Keyword`] in MySQL; in MariaDB a word of the grammar, and a [`Form::Native`] function besides.
    Count,
}

/// What has to stand between the parentheses: with anything else MariaDB calls a stored function of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arguments {
    /// Whatever stands there.
    Any,
    /// At least one.
    Some,
    /// Two.
    Two,
    /// A COLUMNS clause.
    Columns,
}

/// Never built in, there.
const NEVER: u32 = u32::MAX;

/// Functions alike.
struct Group {
    /// The first MySQL version that has them; 0 for all.
    mysql: u32,
    /// The first MySQL version that has them no more.
    mysql_until: u32,
    /// The first MariaDB version that has them.
    mariadb: u32,
    form: Form,
    class: Class,
    names: &'static [&'static str],
}

const fn group(mysql: u32, mariadb: u32, form: Form, class: Class, names: &'static [&'static str]) -> Group {
    Group { mysql, mysql_until: NEVER, mariadb, form, class, names }
}

/// Functions that MySQL gave up: since then they may be anybody's.
const fn gone(mysql_until: u32, form: Form, class: Class, names: &'static [&'static str]) -> Group {
    Group { mysql: 0, mysql_until, mariadb: 0, form, class, names }
}

/// How a call is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelling {
    /// The name is in quotes.
    pub quoted: bool,
    /// `(` follows the name, with no more than what the server's lexer skips there.
    pub tight: bool,
}

/// What the built-in function `name` does, called with these arguments; None if the servers have none that is called in
/// this way.
pub(super) fn find(name: &[u8], spelling: Spelling, lexing: &Lexing) -> Option<(Class, Arguments)> {
    if !name.iter().all(|byte| byte::is_ascii_identifier(*byte)) {
        return None;
    }
    let position = INDEX.find(&NAMES, name, Folded::begin(name, name.len()))?;
    let group = &GROUPS[usize::from(GROUP_OF[position])];
    let versions = match lexing.flavour {
        Flavour::Mysql => group.mysql..group.mysql_until,
        Flavour::Mariadb => group.mariadb..NEVER,
    };
    let form = match (group.form, lexing.flavour) {
        (Form::Window, Flavour::Mysql) => Form::Keyword,
        (Form::Window, Flavour::Mariadb) => Form::Tight,
        (Form::Geometry | Form::Point, Flavour::Mysql) => Form::Keyword,
        (Form::Table, Flavour::Mysql) => Form::Tight,
        (Form::Role, Flavour::Mysql) | (Form::Count, Flavour::Mariadb) => Form::Native,
        (Form::Role, Flavour::Mariadb) | (Form::Count, Flavour::Mysql) => Form::Keyword,
        (form, _) => form,
    };
    let is_call = match form {
        Form::Native => true,
        Form::Keyword | Form::Geometry | Form::Point | Form::Role | Form::Count => !spelling.quoted,
        Form::Tight | Form::Window | Form::Table => !spelling.quoted && spelling.tight,
    };
    let arguments = match form {
        Form::Geometry => Arguments::Some,
        Form::Point => Arguments::Two,
        Form::Table => Arguments::Columns,
        _ => Arguments::Any,
    };
    (versions.contains(&lexing.version.0) && is_call).then_some((group.class, arguments))
}

/// Every name that a server of this flavour and version has; for comparison with real servers.
#[cfg(feature = "cases")]
pub fn all(flavour: Flavour, version: u32) -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(move |group| {
        let versions = match flavour {
            Flavour::Mysql => group.mysql..group.mysql_until,
            Flavour::Mariadb => group.mariadb..NEVER,
        };
        group.names.iter().copied().filter(move |_| versions.contains(&version))
    })
}

const COUNT: usize = {
    let mut count = 0;
    let mut at = 0;
    while at < GROUPS.len() {
        count += GROUPS[at].names.len();
        at += 1;
    }
    count
};

static NAMES: [&str; COUNT] = FLAT.0;
static GROUP_OF: [u8; COUNT] = FLAT.1;
static INDEX: WordIndex<2048> = WordIndex::new(&FLAT.0);

const FLAT: ([&str; COUNT], [u8; COUNT]) = {
    let mut names = [""; COUNT];
    let mut groups = [0; COUNT];
    let mut at = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut name = 0;
        while name < GROUPS[group].names.len() {
            names[at] = GROUPS[group].names[name];
            groups[at] = group as u8;
            at += 1;
            name += 1;
        }
        group += 1;
    }
    (names, groups)
};

#[rustfmt::skip]
const GROUPS: &[Group] = &[
    group(0, 0, Form::Native, Class::Pure, &[
        "ABS", "ACOS", "ADDTIME", "AES_DECRYPT", "AES_ENCRYPT", "ASIN", "ATAN", "ATAN2", "BENCHMARK", "BIN", "BIT_COUNT", "BIT_LENGTH",
        "CEIL", "CEILING", "CHARACTER_LENGTH", "CHAR_LENGTH", "COERCIBILITY", "COMPRESS", "CONCAT", "CONCAT_WS", "CONV", "CONVERT_TZ",
        "COS", "COT", "CRC32", "DATEDIFF", "DATE_FORMAT", "DAYNAME", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DEGREES", "ELT", "EXP",
        "EXPORT_SET", "EXTRACTVALUE", "FIELD", "FIND_IN_SET", "FLOOR", "FROM_BASE64", "FROM_DAYS", "FROM_UNIXTIME", "GREATEST", "HEX",
        "IFNULL", "INET6_ATON", "INET6_NTOA", "INET_ATON", "INET_NTOA", "INSTR", "ISNULL", "IS_IPV4", "IS_IPV4_COMPAT", "IS_IPV4_MAPPED",
        "IS_IPV6", "LAST_DAY", "LCASE", "LEAST", "LENGTH", "LN", "LOCATE", "LOG", "LOG10", "LOG2", "LOWER", "LPAD", "LTRIM", "MAKEDATE",
        "MAKETIME", "MAKE_SET", "MONTHNAME", "NAME_CONST", "NULLIF", "OCT", "OCTET_LENGTH", "ORD", "PERIOD_ADD", "PERIOD_DIFF",
        "PI", "POW", "POWER", "QUOTE", "RADIANS", "RAND", "ROUND", "RPAD", "RTRIM", "SEC_TO_TIME", "SHA2", "SIGN", "SIN",
        "SLEEP", "SOUNDEX", "SPACE", "SQRT", "STRCMP", "STR_TO_DATE", "SUBSTRING_INDEX", "SUBTIME", "TAN", "TIMEDIFF", "TIME_FORMAT",
        "TIME_TO_SEC", "TO_BASE64", "TO_DAYS", "TO_SECONDS", "UCASE", "UNCOMPRESS", "UNCOMPRESSED_LENGTH", "UNHEX", "UNIX_TIMESTAMP",
        "UPDATEXML", "UPPER", "UUID", "WEEKDAY", "WEEKOFYEAR", "YEARWEEK",
        "JSON_ARRAY", "JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT", "JSON_CONTAINS", "JSON_CONTAINS_PATH", "JSON_DEPTH", "JSON_EXTRACT",
        "JSON_INSERT", "JSON_KEYS", "JSON_LENGTH", "JSON_MERGE", "JSON_OBJECT", "JSON_QUOTE", "JSON_REMOVE", "JSON_REPLACE",
        "JSON_SEARCH", "JSON_SET", "JSON_TYPE", "JSON_UNQUOTE", "JSON_VALID",
        "MBRCONTAINS", "MBRDISJOINT", "MBRINTERSECTS", "MBROVERLAPS", "MBRTOUCHES", "MBRWITHIN",
        "ST_AREA", "ST_ASBINARY", "ST_ASGEOJSON", "ST_ASTEXT", "ST_ASWKB", "ST_ASWKT", "ST_BUFFER", "ST_CENTROID", "ST_CONTAINS",
        "ST_CONVEXHULL", "ST_CROSSES", "ST_DIFFERENCE", "ST_DIMENSION", "ST_DISJOINT", "ST_DISTANCE", "ST_DISTANCE_SPHERE", "ST_ENDPOINT",
        "ST_ENVELOPE", "ST_EQUALS", "ST_EXTERIORRING", "ST_GEOMCOLLFROMTEXT", "ST_GEOMCOLLFROMWKB", "ST_GEOMETRYCOLLECTIONFROMTEXT",
        "ST_GEOMETRYCOLLECTIONFROMWKB", "ST_GEOMETRYFROMTEXT", "ST_GEOMETRYFROMWKB", "ST_GEOMETRYN", "ST_GEOMETRYTYPE",
        "ST_GEOMFROMGEOJSON", "ST_GEOMFROMTEXT", "ST_GEOMFROMWKB", "ST_INTERIORRINGN", "ST_INTERSECTION", "ST_INTERSECTS",
        "ST_ISCLOSED", "ST_ISEMPTY", "ST_ISSIMPLE", "ST_LENGTH", "ST_LINEFROMTEXT", "ST_LINEFROMWKB", "ST_LINESTRINGFROMTEXT",
        "ST_LINESTRINGFROMWKB", "ST_NUMGEOMETRIES", "ST_NUMINTERIORRINGS", "ST_NUMPOINTS", "ST_OVERLAPS", "ST_POINTFROMTEXT",
        "ST_POINTFROMWKB", "ST_POINTN", "ST_POLYFROMTEXT", "ST_POLYFROMWKB", "ST_POLYGONFROMTEXT", "ST_POLYGONFROMWKB", "ST_SRID",
        "ST_STARTPOINT", "ST_SYMDIFFERENCE", "ST_TOUCHES", "ST_UNION", "ST_WITHIN", "ST_X", "ST_Y",
    ]),
    // A component, to be installed, has them from 9.6 on.
    gone(90600, Form::Native, Class::Pure, &["MD5", "SHA", "SHA1"]),
    group(0, NEVER, Form::Native, Class::Pure, &[
        "ANY_VALUE", "GTID_SUBSET", "GTID_SUBTRACT", "MBRCOVEREDBY", "MBRCOVERS", "ST_BUFFER_STRATEGY", "ST_GEOHASH", "ST_LATFROMGEOHASH",
        "ST_LONGFROMGEOHASH", "ST_MAKEENVELOPE", "ST_POINTFROMGEOHASH", "ST_SIMPLIFY", "ST_VALIDATE", "VALIDATE_PASSWORD_STRENGTH",
    ]),
    group(0, 100600, Form::Native, Class::Pure, &["MBREQUALS", "JSON_MERGE_PATCH", "JSON_MERGE_PRESERVE"]),
    group(0, 101000, Form::Native, Class::Pure, &["RANDOM_BYTES"]),
    group(0, 101003, Form::Native, Class::Pure, &["JSON_PRETTY"]),
    group(0, NEVER, Form::Native, Class::Pure, &["ST_ISVALID"]),
    group(80000, 0, Form::Native, Class::Pure, &["REGEXP_INSTR", "REGEXP_REPLACE", "REGEXP_SUBSTR"]),
    group(80017, 100900, Form::Native, Class::Pure, &["JSON_OVERLAPS"]),
    group(80017, 110100, Form::Native, Class::Pure, &["JSON_SCHEMA_VALID"]),
    group(80016, 110800, Form::Native, Class::Pure, &["FORMAT_BYTES"]),
    group(80016, 110002, Form::Native, Class::Pure, &["FORMAT_PICO_TIME"]),
    group(80000, 0, Form::Role, Class::Pure, &["CURRENT_ROLE"]),
    group(80000, NEVER, Form::Native, Class::Pure, &[
        "BIN_TO_UUID", "IS_UUID", "JSON_STORAGE_FREE", "JSON_STORAGE_SIZE", "REGEXP_LIKE", "ROLES_GRAPHML",
        "STATEMENT_DIGEST", "STATEMENT_DIGEST_TEXT", "ST_LATITUDE", "ST_LONGITUDE", "ST_SWAPXY", "ST_TRANSFORM", "UUID_TO_BIN",
        "ST_GEOMCOLLFROMTXT", "ST_MLINEFROMTEXT", "ST_MLINEFROMWKB", "ST_MPOINTFROMTEXT", "ST_MPOINTFROMWKB", "ST_MPOLYFROMTEXT",
        "ST_MPOLYFROMWKB", "ST_MULTILINESTRINGFROMTEXT", "ST_MULTILINESTRINGFROMWKB", "ST_MULTIPOINTFROMTEXT",
        "ST_MULTIPOINTFROMWKB", "ST_MULTIPOLYGONFROMTEXT", "ST_MULTIPOLYGONFROMWKB", "ST_NUMINTERIORRING",
    ]),
    group(80017, NEVER, Form::Native, Class::Pure, &["JSON_SCHEMA_VALIDATION_REPORT"]),
    group(80023, NEVER, Form::Native, Class::Pure, &["ST_FRECHETDISTANCE", "ST_HAUSDORFFDISTANCE"]),
    group(80024, NEVER, Form::Native, Class::Pure, &["ST_LINEINTERPOLATEPOINT", "ST_LINEINTERPOLATEPOINTS", "ST_POINTATDISTANCE"]),
    group(90000, NEVER, Form::Native, Class::Pure, &["FROM_VECTOR", "STRING_TO_VECTOR", "TO_VECTOR", "VECTOR_DIM", "VECTOR_TO_STRING"]),
    group(NEVER, 0, Form::Native, Class::Pure, &[
        "CHR", "COLUMN_CHECK", "COLUMN_EXISTS", "COLUMN_JSON", "COLUMN_LIST", "DECODE_HISTOGRAM", "DECODE_ORACLE", "DES_DECRYPT",
        "DES_ENCRYPT", "ENCODE", "ENCRYPT", "JSON_COMPACT", "JSON_DETAILED", "JSON_EXISTS", "JSON_LOOSE", "JSON_QUERY", "LENGTHB",
        "LPAD_ORACLE", "LTRIM_ORACLE", "NVL", "NVL2", "REPLACE_ORACLE", "RPAD_ORACLE", "RTRIM_ORACLE", "SUBSTR_ORACLE",
        "AREA", "ASBINARY", "ASTEXT", "ASWKB", "ASWKT", "BOUNDARY", "BUFFER", "CENTROID", "CONVEXHULL", "CROSSES", "DIMENSION",
        "DISJOINT", "ENDPOINT", "ENVELOPE", "EQUALS", "EXTERIORRING", "GEOMCOLLFROMTEXT", "GEOMCOLLFROMWKB", "GEOMETRYN",
        "GEOMETRYFROMTEXT", "GEOMETRYFROMWKB", "GEOMETRYTYPE", "GEOMFROMTEXT", "GEOMFROMWKB", "GLENGTH", "INTERIORRINGN", "INTERSECTS",
        "ISCLOSED", "ISEMPTY", "ISRING", "ISSIMPLE", "LINEFROMTEXT", "LINEFROMWKB", "MLINEFROMTEXT", "MLINEFROMWKB", "MPOINTFROMTEXT",
        "MPOINTFROMWKB", "MPOLYFROMTEXT", "MPOLYFROMWKB", "NUMGEOMETRIES", "NUMINTERIORRINGS", "NUMPOINTS", "OVERLAPS", "POINTFROMTEXT",
        "POINTFROMWKB", "POINTN", "POINTONSURFACE", "POLYFROMTEXT", "POLYFROMWKB", "SRID", "STARTPOINT", "TOUCHES",
        "X", "Y", "ST_BOUNDARY", "ST_ISRING", "ST_POINTONSURFACE", "ST_RELATE", "MBREQUAL",
    ]),
    group(NEVER, 100601, Form::Native, Class::Pure, &["ADD_MONTHS", "SYS_GUID", "TO_CHAR"]),
    group(NEVER, 100700, Form::Native, Class::Pure, &["JSON_EQUALS", "JSON_NORMALIZE", "NATURAL_SORT_KEY", "SFORMAT"]),
    group(NEVER, 100800, Form::Native, Class::Pure, &["CRC32C"]),
    group(NEVER, 110200, Form::Native, Class::Pure, &[
        "JSON_ARRAY_INTERSECT", "JSON_KEY_VALUE", "JSON_OBJECT_FILTER_KEYS", "JSON_OBJECT_TO_ARRAY",
    ]),
    group(NEVER, 110300, Form::Native, Class::Pure, &["KDF"]),
    group(NEVER, 110701, Form::Native, Class::Pure, &[
        "UUID_V4", "UUID_V7", "VEC_DISTANCE_COSINE", "VEC_DISTANCE_EUCLIDEAN", "VEC_FROMTEXT", "VEC_TOTEXT",
    ]),
    group(NEVER, 110800, Form::Native, Class::Pure, &["VEC_DISTANCE"]),

    group(0, 0, Form::Keyword, Class::Pure, &[
        "ASCII", "AVG", "CHAR", "CHARSET", "COALESCE", "COLLATION", "CONVERT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP",
        "CURRENT_USER", "DATABASE", "DATE", "DAY", "DEFAULT", "FORMAT", "GET_FORMAT", "HOUR", "IF", "INSERT",
        "INTERVAL", "LEFT", "LOCALTIME", "LOCALTIMESTAMP", "MICROSECOND", "MINUTE", "MOD", "MONTH",
        "QUARTER", "REPEAT", "REPLACE", "REVERSE", "RIGHT", "ROW", "SCHEMA", "SECOND",
        "TIME", "TIMESTAMP", "TIMESTAMPADD", "TIMESTAMPDIFF", "TRUNCATE", "USER", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "WEEK",
        "WEIGHT_STRING", "YEAR",
    ]),
    group(80000, NEVER, Form::Keyword, Class::Pure, &["GEOMCOLLECTION", "GROUPING"]),
    group(80021, NEVER, Form::Keyword, Class::Pure, &["JSON_VALUE"]),
    group(NEVER, 0, Form::Keyword, Class::Pure, &["COLUMN_ADD", "COLUMN_CREATE", "COLUMN_DELETE", "COLUMN_GET", "OLD_PASSWORD", "PASSWORD"]),
    group(NEVER, 100601, Form::Keyword, Class::Pure, &["ROWNUM"]),
    group(0, 0, Form::Point, Class::Pure, &["POINT"]),
    group(0, 0, Form::Geometry, Class::Pure, &[
        "GEOMETRYCOLLECTION", "LINESTRING", "MULTILINESTRING", "MULTIPOINT", "MULTIPOLYGON", "POLYGON",
    ]),
    group(80004, 100600, Form::Table, Class::Pure, &["JSON_TABLE"]),
    group(0, 0, Form::Tight, Class::Pure, &[
        "ADDDATE", "BIT_AND", "BIT_OR", "BIT_XOR", "CAST", "COUNT", "CURDATE", "CURTIME", "DATE_ADD", "DATE_SUB", "EXTRACT",
        "GROUP_CONCAT", "JSON_ARRAYAGG", "JSON_OBJECTAGG", "MAX", "MID", "MIN", "NOW", "POSITION", "SESSION_USER", "STD", "STDDEV",
        "STDDEV_POP", "STDDEV_SAMP", "SUBDATE", "SUBSTR", "SUBSTRING", "SUM", "SYSDATE", "SYSTEM_USER", "TRIM", "VARIANCE", "VAR_POP",
        "VAR_SAMP",
    ]),
    group(80024, NEVER, Form::Tight, Class::Pure, &["ST_COLLECT"]),
    group(80000, 0, Form::Window, Class::Pure, &[
        "CUME_DIST", "DENSE_RANK", "FIRST_VALUE", "LAG", "LAST_VALUE", "LEAD", "NTH_VALUE", "NTILE", "PERCENT_RANK", "RANK", "ROW_NUMBER",
    ]),
    group(NEVER, 0, Form::Tight, Class::Pure, &["DECODE", "MEDIAN", "PERCENTILE_CONT", "PERCENTILE_DISC"]),

    group(0, 0, Form::Native, Class::Node, &["LOAD_FILE", "MASTER_POS_WAIT", "VERSION"]),
    group(0, NEVER, Form::Native, Class::Node, &["WAIT_FOR_EXECUTED_GTID_SET"]),
    group(80000, NEVER, Form::Native, Class::Node, &["ICU_VERSION"]),
    group(80016, NEVER, Form::Native, Class::Node, &["PS_CURRENT_THREAD_ID", "PS_THREAD_ID"]),
    group(80026, NEVER, Form::Native, Class::Node, &["SOURCE_POS_WAIT"]),
    group(NEVER, 0, Form::Native, Class::Node, &[
        "BINLOG_GTID_POS", "MASTER_GTID_WAIT", "WSREP_LAST_SEEN_GTID", "WSREP_LAST_WRITTEN_GTID", "WSREP_SYNC_WAIT_UPTO_GTID",
    ]),
    group(0, 0, Form::Native, Class::ConnectionId, &["CONNECTION_ID"]),
    group(0, 0, Form::Native, Class::Previous, &["FOUND_ROWS"]),
    group(0, 0, Form::Count, Class::Previous, &["ROW_COUNT"]),
    group(0, 0, Form::Native, Class::LastInsertId, &["LAST_INSERT_ID"]),
    group(0, 0, Form::Native, Class::TakesLock, &["GET_LOCK"]),
    group(0, 0, Form::Native, Class::ReleasesLock, &["RELEASE_ALL_LOCKS", "RELEASE_LOCK"]),
    group(0, 0, Form::Native, Class::HeldByPrimary, &["IS_FREE_LOCK", "IS_USED_LOCK"]),
    group(0, 0, Form::Native, Class::Writes, &["UUID_SHORT"]),
    group(NEVER, 0, Form::Keyword, Class::NextValue, &["NEXTVAL"]),
    group(NEVER, 0, Form::Keyword, Class::Writes, &["SETVAL"]),
    group(NEVER, 0, Form::Keyword, Class::HeldByPrimary, &["LASTVAL"]),
];
