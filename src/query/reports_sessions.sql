(SELECT coalesce(sum({{successful}}), 0) FROM policy WHERE policy.day = page.day AND policy.report = page.uuid AND {{policies}})::HUGEINT,
(SELECT coalesce(sum({{failed}}), 0) FROM policy WHERE policy.day = page.day AND policy.report = page.uuid AND {{policies}})::HUGEINT
