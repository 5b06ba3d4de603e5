//! Compression: Z of the wire cases, E8 of the traps.

use rolecall_protocol::compression::{Algorithm, Compressor};
use rolecall_protocol::packet::put_packet;
use rolecall_protocol::{Capabilities, SequenceId};
use rolecall_tests::raw::{Compression, Kind, Packet};
use rolecall_tests::{Proxy, ProxyOptions, Trial, on_every_server};

fn steps(run: &mut rolecall_tests::Run) {
    run.run("select 1");
    run.run("insert into t values ('a')");
    run.run(&format!("select '{}'", "x".repeat(300)));
    run.run(&format!("select length('{}')", "y".repeat(200_000)));
    run.run("select repeat('z', 1000), a from t");
    run.run("with recursive n (a) as (select 1 union all select a + 1 from n where a < 700) select a, repeat('q', 100) from n");
    run.query("nonsense");
    run.ping();
}

fn shorten(packet: &mut Packet) {
    if packet.payload.len() > 100_000 {
        packet.payload = format!("{} bytes", packet.payload.len()).into_bytes();
    }
}

fn compressed(stage: &std::sync::Arc<rolecall_tests::Stage>, name: &str, compression: Compression) -> Trial {
    Trial::new(stage, name)
        .setup(&["create table t (a text)"])
        .mask(shorten)
        .login(|options| options.compression = Some(compression))
}

on_every_server! {
    fn z6_zlib_towards_the_client(stage) {
        compressed(stage, "z6_zlib", Compression::Zlib).run(steps);
    }

    fn z6_zstd_towards_the_client(stage) {
        if stage.flavour().is_mariadb() {
            return; // Its servers have no zstd, so there is nothing to compare with.
        }
        for level in [1, 3, 22] {
            compressed(stage, "z6_zstd", Compression::Zstd(level)).run(steps);
        }
    }

    fn e8_z6_each_leg_has_its_own_compression(stage) {
        let zstd = !stage.flavour().is_mariadb();
        for towards_servers in ["zlib", "zstd"] {
            if towards_servers == "zstd" && !zstd {
                continue;
            }
            let configuration = format!("backend:\n  compression: {towards_servers}\n");
            let proxy = Proxy::start(stage.set.servers(), &ProxyOptions { configuration, ..ProxyOptions::default() });
            let mut clients = vec![None, Some(Compression::Zlib)];
            clients.extend(zstd.then_some(Some(Compression::Zstd(3))));
            for compression in clients {
                for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
                    let trial = Trial::new(stage, "z6_legs").setup(&["create table t (a text)"]).mask(shorten).without(without);
                    trial.login(|options| options.compression = compression).through(&proxy).run(steps);
                }
            }
            proxy.expect_no_panic();
        }
    }

    fn z7_compression_inside_tls_with_a_large_row(stage) {
        compressed(stage, "z7", Compression::Zlib).login(|options| options.tls = true).unsettled().run(|run| {
            run.run("select repeat('a', 64 << 20)");
            run.run("select 1");
        });
    }

    fn z2_packets_cut_over_frames_at_will(stage) {
        let ignore_ids = |packet: &mut Packet| (packet.first, packet.last) = (0, 0);
        Trial::new(stage, "z2").mask(ignore_ids).login(|options| options.compression = Some(Compression::Zlib)).unsettled().run(|run| {
            let mut bytes = Vec::new();
            put_packet(&mut bytes, &mut SequenceId(0), format!("\x03select '{}'", "a".repeat(120)).as_bytes());
            for offset in [1, 2, 3, 4, 5, 60, 100] {
                let mut compressor = Compressor::new(Algorithm::Zlib);
                let mut frames = Vec::new();
                compressor.compress(&bytes[..offset], &mut frames);
                compressor.compress(&bytes[offset..], &mut frames);
                run.client.stream.send_frames(&compressor, &frames).expect("frames");
                run.any_sequence = true;
                assert_eq!(run.read_reply(Kind::Result).value().len(), 120);
                run.any_sequence = false;
            }
            run.run("select 1");
        });
    }

    fn z1_a_short_command_inside_a_frame_of_length_zero(stage) {
        Trial::new(stage, "z1").login(|options| options.compression = Some(Compression::Zlib)).run(|run| {
            let mut frame = Vec::new();
            let mut compressor = Compressor::new(Algorithm::Zlib);
            compressor.compress(&[1, 0, 0, 0, 0x0E], &mut frame);
            assert_eq!(frame, [5, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x0E]);
            run.client.stream.send_frames(&compressor, &frame).expect("a frame");
            run.sequence = SequenceId(1);
            assert!(run.read_reply(Kind::Single).ok().is_some());
        });
    }

    fn z4_lengths_that_lie_close_the_connection(stage) {
        let frames: [&[u8]; 4] = [
            &[4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4],
            &[10, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x78, 0x9C, 3, 0, 0, 0, 0, 1, 0, 0],
            &[9, 0, 0, 0, 2, 0, 0, 0x78, 0x9C, 3, 0, 0, 0, 0, 1, 0],
            &[5, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0x0E],
        ];
        for frame in frames {
            Trial::new(stage, "z4").login(|options| options.compression = Some(Compression::Zlib)).run(|run| {
                run.client.stream.send_below_compression(frame).expect("a frame");
                run.client.stream.stop_compression();
                run.client.stream.shutdown(std::net::Shutdown::Write);
                let _ = run.client.stream.take_until_close().expect("a close");
                let mut other = run.another();
                assert_eq!(other.run("select 1").value(), "1");
            });
        }
    }
}
