"""A hundred idle compartments start and stop cleanly."""

import harness

MANIFEST = "app: hundred\nservices:\n" + "".join(f"  s{i:03}:\n    command: [/usr/bin/sleep, infinity]\n" for i in range(100))


class Hundred(harness.Case):
    def test_a_hundred_idle_compartments_start_and_stop_cleanly(self):
        app = self.application(MANIFEST)
        app.up()
        pids = app.pids()
        self.assertEqual(len(pids), 300)
        app.down()
        self.assert_nothing_left(app, pids)


if __name__ == "__main__":
    harness.main()
