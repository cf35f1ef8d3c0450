AND uuid IN (SELECT report FROM failure WHERE day BETWEEN $first_day AND $last_day AND {{failures}} AND {{failed_sessions}} > 0)
