use zeroize::Zeroizing;

use super::*;

const FIRST: Scramble = *b"abcdefghijklmnopqrst";
const FRESH: Scramble = *b"ABCDEFGHIJKLMNOPQRST";
const PEM: &[u8] = b"-----BEGIN PUBLIC KEY-----\n";
const PLAIN: Channel<'_> = Channel::Plain { public_key: PEM };

/// "Encryption" that a reader can follow: the cipher text is the plain text behind a mark.
struct MarkedKey;

impl RsaDecrypt for MarkedKey {
    fn decrypt(&self, cipher: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        cipher.strip_prefix(b"RSA").map(|plain| Zeroizing::new(plain.to_vec()))
    }
}

fn encrypted(password: &[u8], scramble: &Scramble) -> Vec<u8> {
    let mut cipher = b"RSA".to_vec();
    cipher.extend_from_slice(&caching_sha2::cover(password, scramble));
    cipher
}

fn password(text: &str) -> Credential {
    Credential::Password(Password::new(text.into()))
}

fn known(text: &str) -> Known {
    Known::Credential(password(text))
}

fn stored(text: &str) -> Known {
    Known::NativeStored(native::stored_hash(&native::hash(text.as_bytes())))
}

fn start(plugin: AuthPlugin, response: &[u8], known: Known, channel: Channel<'_>) -> (AuthExchange, AuthStep) {
    AuthExchange::start(Some(plugin), response, &FIRST, FRESH, known, channel).expect("well formed")
}

fn caching(response: &[u8], known: Known, channel: Channel<'_>) -> (AuthExchange, AuthStep) {
    start(AuthPlugin::CachingSha2Password, response, known, channel)
}

#[track_caller]
fn assert_sent(step: &AuthStep, expected: &[u8]) {
    assert!(matches!(step, AuthStep::Send(sent) if sent == expected), "{step:?}");
}

#[track_caller]
fn assert_proven(step: &AuthStep, expected: &Credential, expected_before_ok: Option<&[u8]>) {
    let AuthStep::Proven { before_ok, credential } = step else { panic!("{step:?}") };
    assert!(credential == expected && before_ok.as_deref() == expected_before_ok, "{step:?}");
}

#[track_caller]
fn assert_learnt(step: &AuthStep, expected: &Credential) {
    assert!(matches!(step, AuthStep::Learnt(credential) if credential == expected), "{step:?}");
}

fn switch_request(plugin: &str) -> Vec<u8> {
    AuthSwitchRequest::encode(plugin, &FRESH)
}

#[test]
fn a12_a_known_password_takes_the_fast_path() {
    let (mut exchange, step) = caching(&caching_sha2::respond(b"secret", &FIRST), known("secret"), PLAIN);
    assert_proven(&step, &password("secret"), Some(&[0x01, 0x03]));
    assert!(exchange.handle(b"x", PLAIN, &MarkedKey).is_err(), "the exchange is over");
}

#[test]
fn a13_an_unknown_or_changed_password_is_learnt_in_clear_in_a_private_channel() {
    for known in [Known::Nothing, known("before"), stored("before")] {
        let (mut exchange, step) = caching(&caching_sha2::respond(b"secret", &FIRST), known, Channel::Private);
        assert_sent(&step, &[0x01, 0x04]);
        let step = exchange.handle(b"secret\0", Channel::Private, &MarkedKey).expect("well formed");
        assert_learnt(&step, &password("secret"));
    }
}

#[test]
fn a13_a_password_without_its_nul_or_with_two_is_malformed() {
    for payload in [b"".as_slice(), b"secret", b"sec\0ret\0"] {
        let (mut exchange, _) = caching(&[1; 32], Known::Nothing, Channel::Private);
        assert!(exchange.handle(payload, Channel::Private, &MarkedKey).is_err());
    }
}

#[test]
fn a14_without_tls_the_password_travels_under_the_proxys_own_key() {
    let (mut exchange, step) = caching(&[1; 32], Known::Nothing, PLAIN);
    assert_sent(&step, &[0x01, 0x04]);
    let step = exchange.handle(&[0x02], PLAIN, &MarkedKey).expect("well formed");
    assert_sent(&step, &[&[0x01], PEM].concat());
    let step = exchange.handle(&encrypted(b"secret\0", &FIRST), PLAIN, &MarkedKey).expect("well formed");
    assert_learnt(&step, &password("secret"));
}

#[test]
fn a14_a_client_that_has_the_key_does_not_ask_for_it() {
    let (mut exchange, _) = caching(&[1; 32], Known::Nothing, PLAIN);
    let step = exchange.handle(&encrypted(b"secret\0", &FIRST), PLAIN, &MarkedKey).expect("well formed");
    assert_learnt(&step, &password("secret"));
}

#[test]
fn a14_a_clear_password_or_a_foreign_cipher_in_a_plain_channel_is_a_wrong_password() {
    for payload in [b"secret\0".as_slice(), b"RSA", b"", &encrypted(b"no NUL", &FIRST)] {
        let (mut exchange, _) = caching(&[1; 32], known("secret"), PLAIN);
        let step = exchange.handle(payload, PLAIN, &MarkedKey).expect("well formed");
        assert!(matches!(step, AuthStep::Refuse(AuthFailure::WrongPassword)), "{step:?}");
    }
}

#[test]
fn a14_the_key_is_given_once_and_only_where_there_is_one() {
    let (mut exchange, _) = caching(&[1; 32], Known::Nothing, PLAIN);
    exchange.handle(&[0x02], PLAIN, &MarkedKey).expect("well formed");
    let step = exchange.handle(&[0x02], PLAIN, &MarkedKey).expect("well formed");
    assert!(matches!(step, AuthStep::Refuse(_)), "{step:?}");
    let (_, step) = caching(&[1; 32], Known::Nothing, Channel::Plain { public_key: b"" });
    assert!(matches!(step, AuthStep::Refuse(AuthFailure::NoWay)), "{step:?}");
}

#[test]
fn a16_an_empty_password_is_proven_where_known_and_learnt_else() {
    for response in [b"".as_slice(), b"\0"] {
        let (_, step) = caching(response, known(""), PLAIN);
        assert_proven(&step, &password(""), None);
        for known in [Known::Nothing, known("secret"), stored("")] {
            let (_, step) = caching(response, known, PLAIN);
            assert_learnt(&step, &password(""));
        }
    }
}

#[test]
fn a11_clients_that_start_with_another_plugin_are_switched_with_a_fresh_scramble() {
    for plugin in
        [AuthPlugin::NativePassword, AuthPlugin::Sha256Password, AuthPlugin::Ed25519, AuthPlugin::ClearPassword]
    {
        let (mut exchange, step) = start(plugin, b"", known("secret"), PLAIN);
        assert_sent(&step, &switch_request("caching_sha2_password"));
        let old = caching_sha2::respond(b"secret", &FIRST);
        let (mut again, _) = start(plugin, b"", known("secret"), PLAIN);
        assert_sent(&again.handle(&old, PLAIN, &MarkedKey).expect("well formed"), &[0x01, 0x04]);
        let step = exchange.handle(&caching_sha2::respond(b"secret", &FRESH), PLAIN, &MarkedKey);
        assert_proven(&step.expect("well formed"), &password("secret"), Some(&[0x01, 0x03]));
    }
    let (_, step) = AuthExchange::start(None, b"whatever", &FIRST, FRESH, None, PLAIN).expect("well formed");
    assert_sent(&step, &switch_request("caching_sha2_password"));
}

#[test]
fn after_a_switch_the_password_is_covered_by_the_fresh_scramble() {
    let (mut exchange, _) = start(AuthPlugin::NativePassword, b"", Known::Nothing, PLAIN);
    exchange.handle(&[1; 32], PLAIN, &MarkedKey).expect("well formed");
    let step = exchange.handle(&encrypted(b"secret\0", &FRESH), PLAIN, &MarkedKey).expect("well formed");
    assert_learnt(&step, &password("secret"));
}

/// sqlx 0.9 does so.
#[test]
fn after_a_switch_the_password_may_be_covered_by_the_greetings_scramble() {
    let (mut exchange, _) = start(AuthPlugin::NativePassword, b"", Known::Nothing, PLAIN);
    exchange.handle(&[1; 32], PLAIN, &MarkedKey).expect("well formed");
    let step = exchange.handle(&encrypted(b"secret\0", &FIRST), PLAIN, &MarkedKey).expect("well formed");
    assert_learnt(&step, &password("secret"));
    let (mut exchange, _) = start(AuthPlugin::NativePassword, b"", Known::Nothing, PLAIN);
    exchange.handle(&[1; 32], PLAIN, &MarkedKey).expect("well formed");
    let step = exchange.handle(&encrypted(b"secret\0", &[0; 20]), PLAIN, &MarkedKey).expect("well formed");
    assert!(matches!(step, AuthStep::Refuse(AuthFailure::WrongPassword)), "{step:?}");
}

/// Connector/J speaks one step only to a version 5.5.5-…; what is asked for does not tell which users are known.
#[test]
fn a_change_of_user_asks_for_what_the_greeting_named_first() {
    let native = Some(AuthPlugin::NativePassword);
    for known in [known("secret"), Known::Nothing] {
        let is_known = matches!(known, Known::Credential(_));
        let (mut exchange, step) = AuthExchange::switched(native, AuthPlugin::NativePassword, FRESH, known);
        assert_sent(&step, &switch_request("mysql_native_password"));
        let answer = native::respond(&native::hash(b"secret"), &FRESH);
        let step = exchange.handle(&answer, PLAIN, &MarkedKey).expect("well formed");
        if is_known {
            assert_proven(&step, &password("secret"), None);
        } else {
            assert_sent(&step, &switch_request("caching_sha2_password"));
        }
    }
    let (_, step) = AuthExchange::switched(native, AuthPlugin::CachingSha2Password, FRESH, known("secret"));
    assert_sent(&step, &switch_request("caching_sha2_password"));
}

#[test]
fn a_native_answer_that_fits_what_is_known_proves_it_at_once() {
    let hash = native::hash(b"secret");
    let response = native::respond(&hash, &FIRST);
    let native = |known| start(AuthPlugin::NativePassword, &response, known, PLAIN).1;
    assert_proven(&native(known("secret")), &password("secret"), None);
    assert_proven(&native(stored("secret")), &Credential::NativeHash(hash.clone()), None);
    let learnt = Credential::NativeHash(hash.clone());
    assert_proven(&native(Known::Credential(learnt.clone())), &learnt, None);
    for other in [Known::Nothing, known("changed"), stored("changed")] {
        assert_sent(&native(other), &switch_request("caching_sha2_password"));
    }
}

#[test]
fn the_decoy_is_nobodys_password() {
    let response = native::respond(&native::hash(DECOY), &FIRST);
    let (_, step) = start(AuthPlugin::NativePassword, &response, Known::Nothing, PLAIN);
    assert_sent(&step, &switch_request("caching_sha2_password"));
    let (_, step) = caching(&caching_sha2::respond(DECOY, &FIRST), Known::Nothing, PLAIN);
    assert_sent(&step, &[0x01, 0x04]);
}

#[test]
fn a_native_client_whose_account_is_native_is_switched_to_native() {
    // MariaDB's connectors start so: native by name, no answer, since the greeting named another plugin.
    let (mut exchange, step) = start(AuthPlugin::NativePassword, b"", stored("secret"), PLAIN);
    assert_sent(&step, &switch_request("mysql_native_password"));
    let hash = native::hash(b"secret");
    let step = exchange.handle(&native::respond(&hash, &FRESH), PLAIN, &MarkedKey).expect("well formed");
    assert_proven(&step, &Credential::NativeHash(hash), None);
    let (mut exchange, _) = start(AuthPlugin::NativePassword, b"", stored("secret"), PLAIN);
    let step = exchange.handle(&[1; 20], PLAIN, &MarkedKey).expect("well formed");
    assert!(matches!(step, AuthStep::Refuse(AuthFailure::WrongPassword)), "{step:?}");
}

#[test]
fn a_stored_hash_and_full_authentication_give_the_password_itself() {
    let (mut exchange, _) = caching(&[1; 32], stored("secret"), Channel::Private);
    let step = exchange.handle(b"secret\0", Channel::Private, &MarkedKey).expect("well formed");
    assert_proven(&step, &password("secret"), None);
}

#[test]
fn a18_a_clear_password_counts_only_in_a_private_channel() {
    let (_, step) = start(AuthPlugin::ClearPassword, b"secret\0", Known::Nothing, Channel::Private);
    assert_learnt(&step, &password("secret"));
    let (_, step) = start(AuthPlugin::ClearPassword, b"secret\0", known("secret"), Channel::Private);
    assert_proven(&step, &password("secret"), None);
    let (_, step) = start(AuthPlugin::ClearPassword, b"secret\0", known("secret"), PLAIN);
    assert_sent(&step, &switch_request("caching_sha2_password"));
}

#[test]
fn a17_sha256_clients_are_served_with_the_key() {
    let (mut exchange, step) = start(AuthPlugin::Sha256Password, &[0x01], Known::Nothing, PLAIN);
    assert_sent(&step, &[&[0x01], PEM].concat());
    let step = exchange.handle(&encrypted(b"secret\0", &FIRST), PLAIN, &MarkedKey).expect("well formed");
    assert_learnt(&step, &password("secret"));
    let (_, step) = start(AuthPlugin::Sha256Password, b"secret\0", Known::Nothing, Channel::Private);
    assert_learnt(&step, &password("secret"));
}

#[test]
fn a4_a_client_without_plugins_is_checked_natively_and_never_asked_more() {
    let hash = native::hash(b"secret");
    let response = native::respond(&hash, &FIRST);
    let step = AuthExchange::without_plugins(&response, &FIRST, stored("secret"));
    assert_proven(&step, &Credential::NativeHash(hash), None);
    let step = AuthExchange::without_plugins(&response, &FIRST, known("other"));
    assert!(matches!(step, AuthStep::Refuse(AuthFailure::WrongPassword)), "{step:?}");
    let step = AuthExchange::without_plugins(&response, &FIRST, Known::Nothing);
    assert!(matches!(step, AuthStep::Refuse(AuthFailure::NoWay)), "{step:?}");
    let step = AuthExchange::without_plugins(b"", &FIRST, Known::Nothing);
    assert_learnt(&step, &password(""));
}

#[test]
fn a26_a_change_of_user_always_gets_a_fresh_scramble() {
    let (mut exchange, step) = AuthExchange::switched(
        Some(AuthPlugin::CachingSha2Password),
        AuthPlugin::CachingSha2Password,
        FRESH,
        known("secret"),
    );
    assert_sent(&step, &switch_request("caching_sha2_password"));
    let step = exchange.handle(&caching_sha2::respond(b"secret", &FRESH), PLAIN, &MarkedKey);
    assert_proven(&step.expect("well formed"), &password("secret"), Some(&[0x01, 0x03]));
}

#[test]
fn a24_unknown_and_known_names_get_the_same_packets_until_a_server_decides() {
    let wrong = caching_sha2::respond(b"wrong", &FIRST);
    for channel in [Channel::Private, PLAIN] {
        for known in [Known::Nothing, known("secret"), stored("secret")] {
            let (mut exchange, step) = caching(&wrong, known, channel);
            assert_sent(&step, &[0x01, 0x04]);
            let payload = if channel == Channel::Private { b"wrong\0".to_vec() } else { encrypted(b"wrong\0", &FIRST) };
            let step = exchange.handle(&payload, channel, &MarkedKey).expect("well formed");
            assert_learnt(&step, &password("wrong"));
        }
    }
}

#[test]
fn nothing_secret_is_printed() {
    let hash = native::hash(b"secret");
    let (exchange, step) = caching(&[1; 32], Known::NativeStored(hash), Channel::Private);
    let (_, learnt) = start(AuthPlugin::ClearPassword, b"secret\0", Known::Nothing, Channel::Private);
    let printed = format!("{exchange:?} {step:?} {learnt:?}");
    assert!(printed.contains("NativeStored(..)") && !printed.contains("secret"), "{printed}");
    assert!(!printed.contains("115, 101, 99"), "{printed}");
}
