//! Guessing passwords and names (threats.md 3; CVE-2012-2122, CVE-2012-5615, CVE-2012-5627).

use std::collections::HashSet;

use rolecall_protocol::Capabilities;
use rolecall_protocol::auth::{AuthSwitchRequest, caching_sha2, native};
use rolecall_protocol::handshake::ChangeUser;
use rolecall_tests::raw::{Client, LoginOptions, encrypt_with_pem};

use crate::ground::{Ending, Ground, PASSWORD, USER, Witness, account, greeted, grounds, response, right, wrong};

/// Makes the proxy know and believe [`USER`].
fn known(ground: &Ground) {
    assert_eq!(ground.proxy.login(&right()).run("select 1").value(), "1");
}

#[test]
fn thousands_of_wrong_answers_and_none_is_taken() {
    for ground in grounds() {
        known(ground);
        // A comparison that takes one answer in 256 (CVE-2012-2122) would let in a dozen of these.
        let mut witness = Witness::new(&ground.proxy);
        // The quick way: an old client, whose answer the proxy checks by itself.
        let options = wrong().without(Capabilities::PLUGIN_AUTH).plugin("mysql_native_password");
        for number in 0..3000_u32 {
            let options = LoginOptions { password: format!("wrong {number}"), ..options.clone() };
            let mut client = greeted(ground.proxy.address(), &options);
            let login = response(&client, &options);
            client.send_packet(&login);
            let error = Ending::without_waiting(&mut client).expect_refusal("a wrong answer");
            assert_eq!(error.code, 1045, "{number}: {error}");
        }
        witness.goes_on();
    }
}

#[test]
fn an_answer_that_is_right_but_for_one_bit_is_wrong() {
    for ground in grounds() {
        known(ground);
        for bit in 0..256 {
            let mut client = greeted(ground.proxy.address(), &right());
            let scramble = client.greeting.as_ref().expect("read").scramble;
            let mut answer = caching_sha2::respond(PASSWORD.as_bytes(), &scramble).to_vec();
            answer[bit / 8] ^= 1 << (bit % 8);
            let mut login = response(&client, &right());
            let right_answer = caching_sha2::respond(PASSWORD.as_bytes(), &scramble).to_vec();
            let at =
                login.windows(32).position(|window| window == right_answer).expect("the answer is in the response");
            login[at..at + 32].copy_from_slice(&answer);
            client.send_packet(&login);
            // The password may have been changed at the servers: it is asked for, and no OK comes without it.
            let ending = Ending::of(&mut client);
            ending.expect_no_ok(&format!("bit {bit}"));
            assert_eq!(ending.packets.first().map(Vec::as_slice), Some(&[1, 4][..]), "bit {bit}");
        }
    }
}

#[test]
fn full_authentication_with_a_wrong_password_is_refused_each_time_and_the_right_one_still_works() {
    for ground in grounds() {
        known(ground);
        for number in 0..200 {
            let options = LoginOptions { password: format!("{PASSWORD}{number}"), ..right() };
            let error = Client::login(ground.proxy.address(), &options).map(drop).expect_err("a wrong password");
            assert_eq!(error.code, 1045, "{error}");
        }
        // Prefixes, case, and what a comparison of C strings would take for equal.
        for password in
            [&PASSWORD[..PASSWORD.len() - 1], &PASSWORD.to_uppercase(), &format!("{PASSWORD} "), " ", "\u{1}"]
        {
            let options = LoginOptions { password: (*password).to_owned(), ..right() };
            let error = Client::login(ground.proxy.address(), &options).map(drop).expect_err("a wrong password");
            assert_eq!(error.code, 1045, "{password:?}: {error}");
        }
        assert_eq!(ground.proxy.login(&right()).run("select 1").value(), "1");
    }
}

/// First bytes of the packets that a login got, and its error without the name.
fn way_of(ground: &Ground, options: &LoginOptions) -> (Vec<u8>, String) {
    let mut client = greeted(ground.proxy.address(), options);
    let login = response(&client, options);
    client.send_packet(&login);
    let mut first_bytes = Vec::new();
    let mut scramble = client.greeting.as_ref().expect("read").scramble;
    loop {
        let payload = client.read_packet().expect("an answer").payload;
        first_bytes.push(payload[0]);
        match payload[0] {
            0xFF => {
                let error = rolecall_protocol::response::ErrPacket::decode(&payload).expect("an ERR packet");
                return (first_bytes, error.to_string().replace(&format!("'{}'@", options.user), "NAME@"));
            }
            0xFE => {
                let switch = AuthSwitchRequest::decode(&payload).expect("a switch");
                scramble = *switch.data.first_chunk().expect("20 bytes");
                client.send_packet(&caching_sha2::respond(options.password.as_bytes(), &scramble));
            }
            0x01 if payload == [1, 4] => client.send_packet(&[2]),
            0x01 => {
                let clear = [options.password.as_bytes(), &[0]].concat();
                client.send_packet(&encrypt_with_pem(&payload[1..], &caching_sha2::cover(&clear, &scramble)));
            }
            other => panic!("{other:#04x}"),
        }
    }
}

#[test]
fn a24_an_unknown_name_walks_the_way_of_a_wrong_password() {
    for ground in grounds() {
        known(ground);
        account(&ground.server, "threats_quiet", "never used");
        ground.server.run("create user threats_locked@'%' identified by 'locked' account lock");
        for plugin in ["caching_sha2_password", "mysql_native_password"] {
            let way = |user: &str| way_of(ground, &LoginOptions::new(user, "a guess").plugin(plugin));
            let known = way(USER);
            for user in ["threats_quiet", "threats_nobody", "threats_locked", "", &"x".repeat(32)] {
                assert_eq!(known, way(user), "{user:?} by {plugin}");
            }
        }
    }
}

#[test]
fn a6_a_name_that_servers_would_cut_to_somebody_elses_is_nobodys() {
    for (ground, most) in grounds().into_iter().zip([32, 128]) {
        let name = "t".repeat(most);
        account(&ground.server, &name, "cut");
        ground.proxy.login(&LoginOptions::new(&name, "cut")).run("select 1");
        for longer in [format!("{name}t"), format!("{name} "), format!("{name}{}", "ü".repeat(40))] {
            let options = LoginOptions::new(&longer, "cut");
            let error = Client::login(ground.proxy.address(), &options).map(drop).expect_err("nobody has this name");
            assert_eq!(error.code, 1045, "{longer}: {error}");
            // Nor by changing to it.
            let error = ground.proxy.login(&right()).change_user(&options).expect_err("nobody has this name");
            assert_eq!(error.code, 1045, "{longer}: {error}");
        }
    }
}

/// One wrong guess by COM_CHANGE_USER; the scrambles that were seen.
fn guess_by_change(ground: &Ground, number: u8) -> [Vec<u8>; 2] {
    let mut client = ground.proxy.login(&right());
    let scramble = client.greeting.as_ref().expect("read").scramble;
    // The right answer to the scramble of the login: replayed, it does not count.
    let change = ChangeUser {
        user: USER.into(),
        auth_response: if number.is_multiple_of(2) {
            caching_sha2::respond(PASSWORD.as_bytes(), &scramble).to_vec().into()
        } else {
            native::respond(&native::hash(PASSWORD.as_bytes()), &scramble).to_vec().into()
        },
        database: Vec::new(),
        collation: Some(45),
        plugin: Some(b"caching_sha2_password".to_vec()),
        attributes: Vec::new(),
    };
    client.send_command("change user", &change.encode(client.capabilities));
    let question = client.read_packet().expect("a question").payload;
    let switch = AuthSwitchRequest::decode(&question).expect("a new scramble");
    let fresh = switch.data[..20].to_vec();
    client.send_packet(&[number; 32]);
    assert_eq!(client.read_packet().expect("a question").payload, [1, 4]);
    client.send_packet(&[2]);
    client.read_packet().expect("a key");
    client.send_packet(&vec![number; 256]);
    // One wrong guess: error 1045 and the end of the connection, so that each costs a whole new login.
    let ending = Ending::without_waiting(&mut client);
    assert_eq!(ending.expect_refusal("a guess").code, 1045);
    [scramble.to_vec(), fresh]
}

#[test]
fn a26_change_of_user_is_no_quick_way_to_guess() {
    for ground in grounds() {
        // Many at once: each is answered late.
        let seen: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let guesses: Vec<_> = (0..100).map(|number| scope.spawn(move || guess_by_change(ground, number))).collect();
            guesses.into_iter().flat_map(|guess| guess.join().expect("a refusal")).collect()
        });
        assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), 200, "a scramble came twice");
        ground.proxy.expect_no_panic();
    }
}
